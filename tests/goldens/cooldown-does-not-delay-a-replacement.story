# A lost machine is replaced within the cooldown of a raise: that is no raise.
fleet cooldown-up 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 20
plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
ready
at 1m queue waiting 50
plan
| rest: target 2 (queue: need 5; may rise in 9m), held 2, $0.0620/h
|   again in 9m
ready
at 2m lose aws/east/e1/small/spot x2
plan
| grow: target 2 (queue: need 5; may rise in 8m), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   again in 8m
