# New bounds of the operator obey neither step nor cooldown: the target moves inside them at once.
fleet min 2 max 20 step-up 10% cooldown-up 1h step-down 10% cooldown-down 1h idle-grace 1h
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3100/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 10 spot 10 lacks
ready
at 1m fleet min 15
plan
| grow: target 15 (queue: need 10; min; was 10), held 10, $0.3100/h -> $0.4650/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 15 spot 5 lacks
ready
at 2m fleet min 0 max 4
plan
| shrink: target 4 (queue: need 10; max; idle grace, may fall in 58m; was 15), held 15, $0.4650/h -> $0.1240/h
|   drain m11 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m12 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m13 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m14 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m15 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 15 is held for a target of 4
|   again in 58m
