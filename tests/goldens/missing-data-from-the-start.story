# A source that never answered, and no memory of a target: the minimum is wanted, and where more runs, it stays.
fleet min 2 hold 15m
offer aws/east/e1/small/spot price 0.031
queue missing
dry-plan
| grow: target 2 (no data for 0s: hold 0; min; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
running aws/east/e1/small/spot x5
plan
| rest: target 5 (no data for 0s: hold 5; first), held 5, $0.1550/h
at 1h plan
| rest: target 5 (no data for 1h: hold 5), held 5, $0.1550/h
