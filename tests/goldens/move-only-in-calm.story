# After an interruption nothing moves for the stated time.
fleet min 4 moves 20% within 1h calm 30m
offer aws/east/e1/small/spot price 0.060
offer aws/east/e2/small/spot price 0.060
running aws/east/e1/small/spot x4
queue waiting 0
notice aws/east/e1/small/spot x1 in 2m
plan
| repair: target 4 (queue: need 0; min; first), held 3, $0.2400/h -> $0.2400/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0600 per unit for spot, +$0.0600/h: of 4 spot 1 lacks
|     not aws/east/e2/small/spot $0.0600: worse
|   drain m01 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0600/h: the provider takes it in 2m
ready
at 5m
offer aws/east/e3/small/spot price 0.030
plan
| rest: target 4 (queue: need 0; min), held 4, $0.2400/h
|   4 could move to cheaper pools, in 25m
|   again in 25m
at 30m plan
| move: target 4 (queue: need 0; min), held 4, $0.2400/h -> $0.3600/h
|   launch 1 x aws/east/e3/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
|   launch 1 x aws/east/e3/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
|   launch 1 x aws/east/e3/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
|   launch 1 x aws/east/e3/small/spot of 1 at $0.0300 per unit for move, +$0.0300/h: saves 0.0300 an hour against aws/east/e1/small/spot, and costs 0.001
