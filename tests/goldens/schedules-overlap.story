# The highest minimum of those that are on holds, and the report says whose it is.
schedule day from 0 8 * * * until 0 20 * * * min 2
schedule monday from 0 10 * * mon lasts 3h min 4
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-01-01 08:00
plan
| grow: target 2 (queue: need 0; min of schedule day, ends in 12h; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 2h
ready
on 2024-01-01 10:00
plan
| grow: target 4 (queue: need 0; min of schedule monday, ends in 3h; was 2), held 2, $0.0620/h -> $0.1240/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 4 spot 2 lacks
|   again in 3h
ready
on 2024-01-01 13:00
plan
| shrink: target 2 (queue: need 0; min of schedule day, ends in 7h; was 4), held 4, $0.1240/h -> $0.0620/h
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 2
|   again in 7h
on 2024-01-02 10:00
plan
| shrink: target 2 (queue: need 0; min of schedule day, ends in 10h), held 2, $0.0620/h -> $0.0620/h
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 10h
