# The operator measured that a large machine does the work of two and a half small ones.
fleet weight small 1 weight large 2.5
offer aws/east/e1/small/spot price 0.031
offer aws/east/e1/large/spot price 0.070
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.2800/h
|   launch 4 x aws/east/e1/large/spot of 2.5 at $0.0280 per unit for spot, +$0.2800/h: of 10 spot 10 lacks
|     not aws/east/e1/small/spot $0.0310: worse
