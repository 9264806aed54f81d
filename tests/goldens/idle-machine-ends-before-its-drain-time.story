# Who says that it is idle after it was told to go is ended at once; who is busy has all its time.
fleet drain-timeout 1h
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x3
busy aws/east/e1/small/spot x3
queue waiting 30
plan
| rest: target 3 (queue: need 3; first), held 3, $0.0930/h
at 1m queue waiting 10
plan
| shrink: target 1 (queue: need 1; was 3), held 3, $0.0930/h -> $0.0310/h
|   drain m01 in aws/east/e1/small/spot, end in 1h, surplus, -$0.0310/h: 3 is held for a target of 1
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 1h, surplus, -$0.0310/h: 3 is held for a target of 1
at 10m idle aws/east/e1/small/spot x1
at 11m plan
| shrink: target 1 (queue: need 1), held 1, $0.0310/h -> $0.0310/h
|   end m02 in aws/east/e1/small/spot, drained: it has finished its work
|   2 draining, the first ends in 50m
|   again in 50m
at 30m plan
| rest: target 1 (queue: need 1), held 1, $0.0310/h
|   1 draining, the first ends in 31m
|   again in 31m
at 1h1m plan
| shrink: target 1 (queue: need 1), held 1, $0.0310/h -> $0.0310/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
holds
| aws/east/e1/small/spot x1 running
