# By price alone: what failed lately is asked again as soon as it is open.
fleet strategy lowest-price
offer aws/east/e1/small/spot price 0.030
offer aws/east/e2/small/spot price 0.040
refuse aws/east/e1/small/spot no-capacity
at 10m refuse aws/east/e1/small/spot no-capacity
at 30m queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1200/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.1200/h: of 4 spot 4 lacks
|     not aws/east/e2/small/spot $0.0400: worse
