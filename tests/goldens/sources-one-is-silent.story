# While one source cannot be read the other can raise the target; it falls only to the stated fallback, after its time.
fleet metric load 50 hold 15m then 3
offer aws/east/e1/small/spot price 0.030
queue waiting 40
level load 300
plan
| grow: target 6 (metric load: need 6; queue wants 4; first), held 0, $0.0000/h -> $0.1800/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.1800/h: of 6 spot 6 lacks
ready
level load missing
queue waiting 80
plan
| grow: target 8 (queue: need 8; load wants 6; was 6), held 6, $0.1800/h -> $0.2400/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0600/h: of 8 spot 2 lacks
|   again in 15m
ready
queue waiting 10
plan
| rest: target 8 (no data of load for 0s: hold 8; queue wants 1), held 8, $0.2400/h
|   again in 15m
at 16m plan
| shrink: target 3 (no data of load for 16m: fall back to 3; queue wants 1; was 8), held 8, $0.2400/h -> $0.0900/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 8 is held for a target of 3
|     not aws/east/e1/small/spot $0.0300: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 8 is held for a target of 3
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 8 is held for a target of 3
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 8 is held for a target of 3
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 8 is held for a target of 3
