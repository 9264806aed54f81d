# Before work begins the queue alone decides; at eight the schedule's minimum is there at once, whatever the cooldown.
fleet min 1 cooldown-up 1h
schedule office from 0 8 * * mon-fri until 0 19 * * mon-fri min 5
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 20
plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 8h
ready
on 2024-01-01 07:59
plan
| rest: target 2 (queue: need 2), held 2, $0.0620/h
|   again in 1m
on 2024-01-01 08:00
plan
| grow: target 5 (queue: need 2; min of schedule office, ends in 11h; was 2), held 2, $0.0620/h -> $0.1550/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 5 spot 3 lacks
|   again in 11h
# A need above it is not held down.
queue waiting 80
on 2024-01-01 10:00
plan
| grow: target 8 (queue: need 8; was 5), held 5, $0.1550/h -> $0.2480/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 8 spot 3 lacks
|   again in 9h
