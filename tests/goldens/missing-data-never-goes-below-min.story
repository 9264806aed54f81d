# The stated capacity for missing data is below the minimum: the minimum wins.
fleet min 4 hold 1m then 1
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
| grow: target 8 (queue: need 8; first), held 0, $0.0000/h -> $0.2480/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.2480/h: of 8 spot 8 lacks
ready
at 1m queue missing
at 3m plan
| shrink: target 4 (no data for 2m: fall back to 1; min; was 8), held 8, $0.2480/h -> $0.1240/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 4
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 4
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 4
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 8 is held for a target of 4
