# A machine that was told to go does not count: the need comes back while it drains, and a new one is launched.
fleet drain-timeout 10m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x2
queue waiting 20
plan
| rest: target 2 (queue: need 2; first), held 2, $0.0620/h
at 1m queue waiting 10
plan
| shrink: target 1 (queue: need 1; was 2), held 2, $0.0620/h -> $0.0310/h
|   drain m01 in aws/east/e1/small/spot, end in 10m, surplus, -$0.0310/h: 2 is held for a target of 1
|     not aws/east/e1/small/spot $0.0310: worse
at 2m queue waiting 20
plan
| grow: target 2 (queue: need 2; was 1), held 1, $0.0310/h -> $0.0620/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 2 spot 1 lacks
|   1 draining, the first ends in 9m
|   again in 9m
