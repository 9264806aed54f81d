# What a pool holds already counts towards its share: it gets one more machine and the others the rest.
fleet share pool 40%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
offer gcp/west/w1/small/spot price 0.035
running aws/east/e1/small/spot x3
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 3, $0.0810/h -> $0.3020/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 10 spot 7 lacks
|   launch 4 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 10 spot 7 lacks
|   launch 2 x gcp/west/w1/small/spot of 1 at $0.0350 per unit for spot, +$0.0700/h: of 10 spot 7 lacks
