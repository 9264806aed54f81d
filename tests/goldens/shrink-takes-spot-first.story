# The target falls: the dearest spot goes, the youngest of it first; on-demand is not touched.
fleet base 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.050
running aws/east/e1/small/on-demand x2
running aws/east/e1/small/spot x3 age 5h
running aws/east/e2/small/spot x2 age 5h
running aws/east/e2/small/spot x1 age 1h
queue waiting 80
plan
| rest: target 8 (queue: need 8; first), held 8 (2 on-demand), $0.4310/h
at 1m queue waiting 60
plan
| shrink: target 6 (queue: need 6; was 8), held 8 (2 on-demand), $0.4310/h -> $0.3310/h
|   drain m08 in aws/east/e2/small/spot, end in 2m, surplus, -$0.0500/h: 8 is held for a target of 6
|     not aws/east/e2/small/spot $0.0500: worse
|     not aws/east/e1/small/spot $0.0270: worse
|   drain m06 in aws/east/e2/small/spot, end in 2m, surplus, -$0.0500/h: 8 is held for a target of 6
