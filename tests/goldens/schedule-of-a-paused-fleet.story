# The target is told, and nothing is done until the pause ends.
schedule office from 0 8 * * * until 0 19 * * * min 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
pause
on 2024-01-01 08:00
plan
| rest: target 3 (queue: need 0; min of schedule office, ends in 11h; first), held 0, $0.0000/h
|   paused by the operator: nothing is launched or let go
|   again in 11h
resume
plan
| grow: target 3 (queue: need 0; min of schedule office, ends in 11h), held 0, $0.0000/h -> $0.0930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
|   again in 11h
