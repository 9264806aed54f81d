# What a plan leaves to remember makes the next one rest: at the same moment, and within the cooldown.
fleet cooldown-up 5m step-up 50%
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1240/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 4 spot 4 lacks
plan
| rest: target 4 (queue: need 4), held 4, $0.1240/h
ready
at 1m queue waiting 60
plan
| rest: target 4 (queue: need 6; may rise in 4m), held 4, $0.1240/h
|   again in 4m
at 2m plan
| rest: target 4 (queue: need 6; may rise in 3m), held 4, $0.1240/h
|   again in 3m
