# A whole pool is taken: what the other may hold by its share is bought there, and the rest comes from elsewhere.
fleet share pool 60%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
offer gcp/west/w1/small/spot price 0.045
running aws/east/e1/small/spot x5
running aws/east/e2/small/spot x5
queue waiting 100
plan
| rest: target 10 (queue: need 10; first), held 10, $0.2900/h
at 5m notice aws/east/e1/small/spot x5 in 2m
refuse aws/east/e1/small/spot no-capacity
plan
| repair: target 10 (queue: need 10), held 5, $0.2900/h -> $0.3660/h
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 10 spot 5 lacks
|     not aws/east/e1/small/spot $0.0270: closed by no-capacity, opens in 3m
|   launch 4 x gcp/west/w1/small/spot of 1 at $0.0450 per unit for spot, +$0.1800/h: of 10 spot 5 lacks
|   drain m01 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   drain m02 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   drain m03 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   drain m04 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   drain m05 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
