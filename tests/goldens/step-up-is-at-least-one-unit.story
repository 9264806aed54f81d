# Half of one unit is less than one unit: a small fleet still moves.
fleet min 1 step-up 50%
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x1
queue waiting 0
plan
| rest: target 1 (queue: need 0; min; first), held 1, $0.0310/h
at 1m queue waiting 100
plan
| grow: target 2 (queue: need 10; one step up; was 1), held 1, $0.0310/h -> $0.0620/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 2 spot 1 lacks
|   again in 1s
