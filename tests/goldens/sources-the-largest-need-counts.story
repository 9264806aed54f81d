# Of several sources the one that wants most decides, and the report says what the others want.
fleet metric load 50
offer aws/east/e1/small/spot price 0.030
queue waiting 40
level load 601
plan
| grow: target 13 (metric load: need 13; queue wants 4; first), held 0, $0.0000/h -> $0.3900/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.3000/h: of 13 spot 13 lacks
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0900/h: of 13 spot 13 lacks
ready
level load 100
plan
| shrink: target 4 (queue: need 4; load wants 2; was 13), held 13, $0.3900/h -> $0.1200/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|     not aws/east/e1/small/spot $0.0300: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m07 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m08 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
|   drain m09 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 13 is held for a target of 4
