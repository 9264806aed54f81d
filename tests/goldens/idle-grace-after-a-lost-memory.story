# With its memory lost the daemon does not know what was needed lately: what runs stays until the need was watched
# for the whole grace.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
| grow: target 8 (queue: need 8; first), held 0, $0.0000/h -> $0.2480/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.2480/h: of 8 spot 8 lacks
ready
at 30m forget
queue waiting 20
plan
| rest: target 8 (queue: need 2; idle grace, may fall in 15m; first), held 8, $0.2480/h
|   again in 15m
run to 46m every 1m
| at 45m:
| shrink: target 2 (queue: need 2; was 8), held 8, $0.2480/h -> $0.0620/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 2
