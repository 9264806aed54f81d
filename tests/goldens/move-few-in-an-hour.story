# Two moves an hour: the third waits.
fleet min 4 moves 20% within 1h an-hour 2
offer aws/east/e1/small/spot price 0.060
offer aws/east/e2/small/spot price 0.030
running aws/east/e1/small/spot x4
queue waiting 0
plan
| move: target 4 (queue: need 0; min; first), held 4, $0.2400/h -> $0.3000/h
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
|   2 could move to cheaper pools, in 1h
|   again in 1h
ready
plan
| shrink: target 4 (queue: need 0; min), held 6, $0.3000/h -> $0.1800/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0600/h: 6 is held for a target of 4
|     not aws/east/e1/small/spot $0.0600: worse
|     not aws/east/e2/small/spot $0.0300: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0600/h: 6 is held for a target of 4
at 3m plan
| shrink: target 4 (queue: need 0; min), held 4, $0.1800/h -> $0.1800/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
at 59m plan
| rest: target 4 (queue: need 0; min), held 4, $0.1800/h
|   2 could move to cheaper pools, in 1m
|   again in 1m
at 61m plan
| move: target 4 (queue: need 0; min), held 4, $0.1800/h -> $0.2400/h
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
