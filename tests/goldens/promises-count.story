# A launch without a known outcome counts as present: its machines are not launched a second time.
offer aws/east/e1/small/spot price 0.031
promised aws/east/e1/small/spot x4
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 4, $0.1240/h -> $0.1860/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 6 spot 2 lacks
|   waits for 4 promised machines
