# The minimum of 4 is to survive the loss of a zone. What the target asks for is in one, so as much again is bought beside it.
fleet min 4 survive zone
offer aws/east/e1/small/spot price 0.030
offer aws/east/e2/small/spot price 0.040
offer aws/east/e3/small/spot price 0.050
queue waiting 0
plan
| grow: target 4 (queue: need 0; min; first), held 0, $0.0000/h -> $0.2800/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.1200/h: of 4 spot 4 lacks
|     not aws/east/e3/small/spot $0.0500: worse
|   launch 4 x aws/east/e2/small/spot of 1 at $0.0400 per unit for survive, +$0.1600/h: 0 of the minimum of 4 would survive the loss of a zone
ready
plan
| rest: target 4 (queue: need 0; min), held 8, $0.2800/h
lose aws/east/e1/small/spot x4
plan
| grow: target 4 (queue: need 0; min), held 4, $0.1600/h -> $0.2800/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0300 per unit for survive, +$0.1200/h: 0 of the minimum of 4 would survive the loss of a zone
|     not aws/east/e2/small/spot $0.0400: worse
|     not aws/east/e3/small/spot $0.0500: worse
