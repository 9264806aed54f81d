# The operator halves the base and does not return to spot: the two on-demand machines above the base stay while spot
# can go in their place, and leave when no spot is left.
fleet base 4 return no
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.4540/h
|   launch 4 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.4000/h: the on-demand base of 4 lacks 4
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 2 spot 2 lacks
ready
at 1m fleet base 2
queue waiting 50
plan
| shrink: target 5 (queue: need 5; was 6), held 6 (4 on-demand), $0.4540/h -> $0.4270/h
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 5
|     not aws/east/e1/small/spot $0.0270: worse
|     not aws/east/e1/small/on-demand $0.1000: worse
at 5m queue waiting 30
plan
| shrink: target 3 (queue: need 3; was 5), held 5 (4 on-demand), $0.4270/h -> $0.3000/h
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 5 is held for a target of 3
|     not aws/east/e1/small/on-demand $0.1000: worse
|   drain m03 in aws/east/e1/small/on-demand, end in 2m, surplus, -$0.1000/h: 5 is held for a target of 3
|   end m05 in aws/east/e1/small/spot, drained: its drain time is over
