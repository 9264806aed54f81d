# A move that saves little, or that costs more than it saves within its time, is not made.
fleet min 3 moves 20% within 10m drain-timeout 20m
offer aws/east/e1/small/spot price 0.060
running aws/east/e1/small/spot x3
offer aws/east/e2/small/spot price 0.050
queue waiting 0
plan
| rest: target 3 (queue: need 0; min; first), held 3, $0.1800/h
offer aws/east/e2/small/spot price 0.045
plan
| rest: target 3 (queue: need 0; min), held 3, $0.1800/h
offer aws/east/e2/small/spot price 0.010
plan
| move: target 3 (queue: need 0; min), held 3, $0.1800/h -> $0.2100/h
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0100 per unit for move, +$0.0100/h: saves 0.0500 an hour against aws/east/e1/small/spot, and costs 0.003334
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0100 per unit for move, +$0.0100/h: saves 0.0500 an hour against aws/east/e1/small/spot, and costs 0.003334
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0100 per unit for move, +$0.0100/h: saves 0.0500 an hour against aws/east/e1/small/spot, and costs 0.003334
