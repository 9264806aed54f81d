# Ten units over at least four pools: no pool gets more than three machines, the cheapest ones first.
fleet min-pools 4
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.035
offer gcp/west/w2/small/spot price 0.033
offer ppio/cn/c1/small/spot price 0.050
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3080/h
|   launch 3 x aws/east/e2/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 10 spot 10 lacks
|     not ppio/cn/c1/small/spot $0.0500: worse
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 10 spot 10 lacks
|   launch 3 x gcp/west/w2/small/spot of 1 at $0.0330 per unit for spot, +$0.0990/h: of 10 spot 10 lacks
|   launch 1 x gcp/west/w1/small/spot of 1 at $0.0350 per unit for spot, +$0.0350/h: of 10 spot 10 lacks
