# A pool at half the price: one machine moves at a time, the new one runs before the old one is told to go.
fleet min 3 moves 20% within 1h at-once 10%
offer aws/east/e1/small/spot price 0.060
running aws/east/e1/small/spot x3
queue waiting 0
plan
| rest: target 3 (queue: need 0; min; first), held 3, $0.1800/h
offer aws/east/e2/small/spot price 0.030
plan
| move: target 3 (queue: need 0; min), held 3, $0.1800/h -> $0.2100/h
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
plan
| rest: target 3 (queue: need 0; min), held 4, $0.2100/h
ready
plan
| shrink: target 3 (queue: need 0; min), held 4, $0.2100/h -> $0.1500/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0600/h: 4 is held for a target of 3
|     not aws/east/e1/small/spot $0.0600: worse
|     not aws/east/e2/small/spot $0.0300: worse
