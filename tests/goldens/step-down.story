# One lowering takes at most a fifth of the target, and each waits for its cooldown.
fleet step-down 20% cooldown-down 5m drain-timeout 1m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x10
queue waiting 100
plan
| rest: target 10 (queue: need 10; first), held 10, $0.3100/h
at 10m queue waiting 0
run to 22m every 1m
| at 11m:
| shrink: target 8 (queue: need 0; one step down; was 10), held 10, $0.3100/h -> $0.2480/h
|   drain m01 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 10 is held for a target of 8
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 10 is held for a target of 8
|   again in 5m
| at 12m:
| shrink: target 8 (queue: need 0; may fall in 4m), held 8, $0.2480/h -> $0.2480/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 4m
| at 16m:
| shrink: target 7 (queue: need 0; one step down; was 8), held 8, $0.2480/h -> $0.2170/h
|   drain m03 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 7
|     not aws/east/e1/small/spot $0.0310: worse
|   again in 5m
| at 17m:
| shrink: target 7 (queue: need 0; may fall in 4m), held 7, $0.2170/h -> $0.2170/h
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 4m
| at 21m:
| shrink: target 6 (queue: need 0; one step down; was 7), held 7, $0.2170/h -> $0.1860/h
|   drain m04 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 7 is held for a target of 6
|     not aws/east/e1/small/spot $0.0310: worse
|   again in 5m
| at 22m:
| shrink: target 6 (queue: need 0; may fall in 4m), held 6, $0.1860/h -> $0.1860/h
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 4m
