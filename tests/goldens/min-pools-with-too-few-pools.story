# Four pools are asked for and two are offered: they get their part, and the rest waits rather than pile up.
fleet min-pools 4
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.1740/h
|   launch 3 x aws/east/e2/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 10 spot 10 lacks
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 10 spot 10 lacks
|   waits for an offer of 4 for spot
ready
plan
| rest: target 10 (queue: need 10), held 6, $0.1740/h
|   waits for an offer of 4 for spot
|     not aws/east/e2/small/spot $0.0270: the pool holds its share
|     not aws/east/e1/small/spot $0.0310: the pool holds its share
