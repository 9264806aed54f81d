# What the operator orders stands for the schedules too: a minimum below theirs, a maximum below their minimum, and a
# minimum above their maximum.
fleet max 20
schedule office from 0 8 * * * until 0 19 * * * min 6
schedule evening from 0 19 * * * until 0 23 * * * max 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-01-01 09:00
order min 2
plan
| grow: target 2 (queue: need 0; min; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 10h
order min lifted
plan
| grow: target 6 (queue: need 0; min of schedule office, ends in 10h; was 2), held 2, $0.0620/h -> $0.1860/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 6 spot 4 lacks
|   again in 10h
ready
order max 4
plan
| shrink: target 4 (queue: need 0; min of schedule office, ends in 10h; max; was 6), held 6, $0.1860/h -> $0.1240/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 6 is held for a target of 4
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 6 is held for a target of 4
|   again in 10h
on 2024-01-01 09:02
plan
| shrink: target 4 (queue: need 0; min of schedule office, ends in 9h58m; max), held 4, $0.1240/h -> $0.1240/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 9h58m
order max lifted
on 2024-01-01 19:00
plan
| shrink: target 0 (queue: need 0; was 4), held 4, $0.1240/h -> $0.0000/h
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 0
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 0
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 0
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 0
|   again in 4h
on 2024-01-01 19:02
plan
| shrink: target 0 (queue: need 0), held 0, $0.0000/h -> $0.0000/h
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e1/small/spot, drained: its drain time is over
|   end m06 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 3h58m
order min 5
plan
| grow: target 5 (queue: need 0; min; was 0), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
|   again in 3h58m
