# Without return to spot the bridge stays, also when spot has room again.
fleet base 1 fallback 5m return no
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1930/h
|   launch 1 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.1000/h: the on-demand base of 1 lacks 1
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
ready aws/east/e1/small/on-demand
refuse aws/east/e1/small/spot quota
at 5m plan
| grow: target 4 (queue: need 4), held 1 (1 on-demand), $0.1000/h -> $0.4000/h
|   launch 3 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for bridge, +$0.3000/h: spot has been short for 5m and 3 of it is not bridged
|   waits for an offer of 3 for spot
|     not aws/east/e1/small/spot $0.0310: closed by quota, opens in 5m
|   again in 5m
ready
at 30m plan
| rest: target 4 (queue: need 4), held 4 (4 on-demand), $0.4000/h
