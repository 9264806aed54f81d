# No pool holds more than 40 % of the ten spot units.
fleet share pool 40%
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.035
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3020/h
|   launch 4 x aws/east/e2/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 10 spot 10 lacks
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 10 spot 10 lacks
|   launch 2 x gcp/west/w1/small/spot of 1 at $0.0350 per unit for spot, +$0.0700/h: of 10 spot 10 lacks
