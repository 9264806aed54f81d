# Without any bound all spot goes to the cheapest pool.
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.035
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.1620/h
|   launch 6 x aws/east/e2/small/spot of 1 at $0.0270 per unit for spot, +$0.1620/h: of 6 spot 6 lacks
|     not aws/east/e1/small/spot $0.0310: worse
|     not gcp/west/w1/small/spot $0.0350: worse
