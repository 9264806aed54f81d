# While the target holds for want of data, a lost machine is still replaced.
fleet min 2
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
ready
at 1m queue missing
lose aws/east/e1/small/spot x2
plan
| grow: target 5 (no data for 0s: hold 5), held 3, $0.0930/h -> $0.1550/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 5 spot 2 lacks
