# With its memory lost the daemon does not know what was needed lately: what runs stays until the need was watched
# for the whole grace.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x8
queue waiting 20
plan
| rest: target 8 (queue: need 2; idle grace, may fall in 15m; first), held 8, $0.2480/h
|   again in 15m
run to 16m every 1m
| at 15m:
| shrink: target 2 (queue: need 2; was 8), held 8, $0.2480/h -> $0.0620/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
