# The fleet is at its maximum: what the provider takes makes room for its own replacement.
fleet max 4
offer aws/east/e1/small/spot price 0.027
running aws/east/e1/small/spot x4
queue waiting 40
plan
| rest: target 4 (queue: need 4; first), held 4, $0.1080/h
at 1m notice aws/east/e1/small/spot x1 in 2m
plan
| repair: target 4 (queue: need 4), held 3, $0.1080/h -> $0.1080/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 4 spot 1 lacks
|   drain m01 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
