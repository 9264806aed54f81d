# One region holds at most 60 % of the ten units, its zones together.
fleet share region 60%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
offer aws/west/w1/small/spot price 0.040
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3220/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1620/h: of 10 spot 10 lacks
|     not aws/east/e2/small/spot $0.0280: worse
|   launch 4 x aws/west/w1/small/spot of 1 at $0.0400 per unit for spot, +$0.1600/h: of 10 spot 10 lacks
|     not aws/east/e2/small/spot $0.0280: the region holds its share
