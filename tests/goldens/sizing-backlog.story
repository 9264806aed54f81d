# A backlog of 100 jobs, each unit doing 60 an hour, to be worked off in ten minutes: ten units.
fleet rate 60 drain-within 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3100/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 10 spot 10 lacks
