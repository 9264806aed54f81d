# The maximum wins over every schedule's minimum: that of the fleet, and the lowest of those that are on.
fleet max 6
schedule rush from 0 8 * * * until 0 20 * * * min 10
schedule lunch from 0 12 * * * until 0 13 * * * max 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-01-01 08:00
plan
| grow: target 6 (queue: need 0; min of schedule rush, ends in 12h; max; first), held 0, $0.0000/h -> $0.1860/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1860/h: of 6 spot 6 lacks
|   again in 4h
ready
on 2024-01-01 12:00
plan
| shrink: target 2 (queue: need 0; min of schedule rush, ends in 8h; max of schedule lunch, ends in 1h; was 6), held 6, $0.1860/h -> $0.0620/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 6 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 6 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 6 is held for a target of 2
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 6 is held for a target of 2
|   again in 1h
on 2024-01-01 12:02
plan
| shrink: target 2 (queue: need 0; min of schedule rush, ends in 7h58m; max of schedule lunch, ends in 58m), held 2, $0.0620/h -> $0.0620/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 58m
on 2024-01-01 13:00
plan
| grow: target 6 (queue: need 0; min of schedule rush, ends in 7h; max; was 2), held 2, $0.0620/h -> $0.1860/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 6 spot 4 lacks
|   again in 7h
