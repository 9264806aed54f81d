# Without a fallback time nothing is bridged: what spot does not give is missing, and the plan says so.
fleet base 1
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
| rest: target 4 (queue: need 4), held 1 (1 on-demand), $0.1000/h
|   waits for an offer of 3 for spot
|     not aws/east/e1/small/spot $0.0310: closed by quota, opens in 5m
|   again in 5m
