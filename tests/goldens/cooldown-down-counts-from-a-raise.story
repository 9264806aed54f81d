# The cooldown of lowering runs from the last change either way: a raise at 2m holds a lowering back until 12m.
fleet cooldown-down 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
at 2m queue waiting 80
plan
| grow: target 8 (queue: need 8; was 5), held 5, $0.1550/h -> $0.2480/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 8 spot 3 lacks
ready
at 4m queue waiting 20
plan
| rest: target 8 (queue: need 2; may fall in 8m), held 8, $0.2480/h
|   again in 8m
at 11m59s plan
| rest: target 8 (queue: need 2; may fall in 1s), held 8, $0.2480/h
|   again in 1s
at 12m plan
| shrink: target 2 (queue: need 2; was 8), held 8, $0.2480/h -> $0.0620/h
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m07 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m08 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
