# Four machines are needed for a moment only. They live for an hour at least, so they stay until then.
fleet min-life 1h
offer aws/east/e1/small/spot price 0.027
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1080/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
ready
at 30m queue waiting 0
plan
| rest: target 0 (queue: need 0; was 4), held 4, $0.1080/h
|   4 stay for their least life, the first may go in 30m
|   again in 30m
at 60m plan
| shrink: target 0 (queue: need 0), held 4, $0.1080/h -> $0.0000/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 4 is held for a target of 0
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 4 is held for a target of 0
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 4 is held for a target of 0
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 4 is held for a target of 0
