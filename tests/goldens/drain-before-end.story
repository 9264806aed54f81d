# A machine is told to finish, has five minutes for it, and is ended then, not before.
fleet drain-timeout 5m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x2
queue waiting 20
plan
| rest: target 2 (queue: need 2; first), held 2, $0.0620/h
at 1m queue waiting 10
plan
| shrink: target 1 (queue: need 1; was 2), held 2, $0.0620/h -> $0.0310/h
|   drain m01 in aws/east/e1/small/spot, end in 5m, surplus, -$0.0310/h: 2 is held for a target of 1
|     not aws/east/e1/small/spot $0.0310: worse
at 5m59s plan
| rest: target 1 (queue: need 1), held 1, $0.0310/h
|   1 draining, the first ends in 1s
|   again in 1s
at 6m plan
| shrink: target 1 (queue: need 1), held 1, $0.0310/h -> $0.0310/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
holds
| aws/east/e1/small/spot x1 running
