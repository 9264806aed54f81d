# Without readings the last target holds for 15 minutes, then the stated capacity is wanted. A reading ends that.
fleet min 2 hold 15m then 6
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3100/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 10 spot 10 lacks
ready
at 5m queue missing
plan
| rest: target 10 (no data for 0s: hold 10), held 10, $0.3100/h
|   again in 15m
at 19m59s plan
| rest: target 10 (no data for 14m59s: hold 10), held 10, $0.3100/h
|   again in 1s
at 20m plan
| shrink: target 6 (no data for 15m: fall back to 6; was 10), held 10, $0.3100/h -> $0.1860/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 10 is held for a target of 6
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 10 is held for a target of 6
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 10 is held for a target of 6
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 10 is held for a target of 6
at 25m queue waiting 80
plan
| grow: target 8 (queue: need 8; was 6), held 6, $0.1860/h -> $0.2480/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 8 spot 2 lacks
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
