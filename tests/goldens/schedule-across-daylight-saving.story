# The clocks of Berlin go forward on the 31st of March: eight o'clock is one hour earlier in UTC from that day on. What
# begins in the hour that is left out begins when it is over, and what begins in the hour that comes twice begins once.
fleet max 20
schedule day from 0 8 * * * until 0 9 * * * in Europe/Berlin min 2
schedule night from 30 2 * * * lasts 15m in Europe/Berlin min 5
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-03-30 07:00
dry-plan
| grow: target 2 (queue: need 0; min of schedule day, ends in 1h; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 1h
on 2024-03-31 00:59
dry-plan
| rest: target 0 (queue: need 0; first), held 0, $0.0000/h
|   again in 1m
# Three o'clock in Berlin.
on 2024-03-31 01:00
dry-plan
| grow: target 5 (queue: need 0; min of schedule night, ends in 15m; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
|   again in 15m
on 2024-03-31 06:00
dry-plan
| grow: target 2 (queue: need 0; min of schedule day, ends in 1h; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 1h
# Half past two for the first time, a quarter to three, and half past two again.
on 2024-10-27 00:30
dry-plan
| grow: target 5 (queue: need 0; min of schedule night, ends in 15m; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
|   again in 15m
on 2024-10-27 00:45
dry-plan
| rest: target 0 (queue: need 0; first), held 0, $0.0000/h
|   again in 6h15m
on 2024-10-27 01:30
dry-plan
| rest: target 0 (queue: need 0; first), held 0, $0.0000/h
|   again in 5h30m
on 2024-10-27 07:00
dry-plan
| grow: target 2 (queue: need 0; min of schedule day, ends in 1h; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 1h
