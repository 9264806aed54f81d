# A pool whose price is not known gets nothing new; what runs there counts and stays.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
withdraw aws/east/e1/small/spot
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 3, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 5 spot 2 lacks
|     not aws/east/e1/small/spot: not offered
