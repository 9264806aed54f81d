# At night no more than two, however long the queue; in the morning it grows again.
fleet max 20
schedule night from 0 22 * * * until 0 6 * * * max 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 50
on 2024-01-01 21:00
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
|   again in 1h
ready
on 2024-01-01 22:00
plan
| shrink: target 2 (queue: need 5; max of schedule night, ends in 8h; was 5), held 5, $0.1550/h -> $0.0620/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 5 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 5 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 5 is held for a target of 2
|   again in 8h
on 2024-01-01 22:02
fixpoint
| at 22h2m:
| shrink: target 2 (queue: need 5; max of schedule night, ends in 7h58m), held 2, $0.0620/h -> $0.0620/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 7h58m
| at rest at 22h2m: target 2, on-demand 0, spot 2
on 2024-01-02 06:00
plan
| grow: target 5 (queue: need 5; was 2), held 2, $0.0620/h -> $0.1550/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 5 spot 3 lacks
|   again in 16h
