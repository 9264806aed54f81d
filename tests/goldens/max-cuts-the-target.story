# The need is 50, the maximum 8.
fleet max 8
offer aws/east/e1/small/spot price 0.031
queue waiting 500
plan
| grow: target 8 (queue: need 50; max; first), held 0, $0.0000/h -> $0.2480/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.2480/h: of 8 spot 8 lacks
