# With its memory lost the daemon does not know what was needed lately: what runs stays until the need was watched
# for the whole grace.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x8
queue waiting 20
plan
| shrink: target 2 (queue: need 2; first), held 8, $0.2480/h -> $0.0620/h
|   drain m1 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m2 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m3 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m4 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m5 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m6 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
run to 16m every 1m
| at 2m:
| shrink: target 2 (queue: need 2), held 2, $0.0620/h -> $0.0620/h
|   end m1 in aws/east/e1/small/spot, drained: its drain time is over
|   end m2 in aws/east/e1/small/spot, drained: its drain time is over
|   end m3 in aws/east/e1/small/spot, drained: its drain time is over
|   end m4 in aws/east/e1/small/spot, drained: its drain time is over
|   end m5 in aws/east/e1/small/spot, drained: its drain time is over
|   end m6 in aws/east/e1/small/spot, drained: its drain time is over
