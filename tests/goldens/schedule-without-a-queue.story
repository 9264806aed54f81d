# A fleet without a queue holds its minimum, and that is the schedule's while it is on.
fleet no-queue min 1
schedule office from 0 8 * * * lasts 2h min 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
plan
| grow: target 1 (minimum 1; first), held 0, $0.0000/h -> $0.0310/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 1 spot 1 lacks
|   again in 8h
on 2024-01-01 08:00
plan
| grow: target 3 (minimum 3; min of schedule office, ends in 2h; was 1), held 1, $0.0310/h -> $0.0930/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 3 spot 2 lacks
|   again in 2h
ready
on 2024-01-01 10:00
plan
| shrink: target 1 (minimum 1; was 3), held 3, $0.0930/h -> $0.0310/h
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 3 is held for a target of 1
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 3 is held for a target of 1
|   again in 22h
