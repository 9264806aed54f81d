# A metric: value over target, rounded up to whole units, and headroom on top.
fleet no-queue metric metric 2.5 headroom 20%
offer aws/east/e1/small/spot price 0.030
level metric 10.1
plan
| grow: target 6 (metric: need 5; headroom 20%; first), held 0, $0.0000/h -> $0.1800/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.1800/h: of 6 spot 6 lacks
