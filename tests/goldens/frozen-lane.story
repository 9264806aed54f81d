# A lane that is not seen: nothing is launched there, nothing is ended there, and nothing elsewhere is let go for the
# machines that may still be there; others cover what is missing.
fleet share region 60%
offer aws/east/e1/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.045
running aws/east/e1/small/spot x4
running gcp/west/w1/small/spot x2
queue waiting 60
plan
| rest: target 6 (queue: need 6; first), held 6, $0.1980/h
at 1m unsee aws/east
queue waiting 80
plan
| grow: target 8 (queue: need 8; was 6), held 6, $0.1980/h -> $0.2880/h
|   launch 2 x gcp/west/w1/small/spot of 1 at $0.0450 per unit for spot, +$0.0900/h: of 8 spot 2 lacks
|     not aws/east/e1/small/spot $0.0270: its region is not seen
|   waits for a sight of aws/east
ready
at 10m queue waiting 20
plan
| shrink: target 2 (queue: need 2; was 8), held 8, $0.2880/h -> $0.1980/h
|   drain m07 in gcp/west/w1/small/spot, end in 2m, surplus, -$0.0450/h: 4 is held for a target of 2
|     not gcp/west/w1/small/spot $0.0450: worse
|   drain m08 in gcp/west/w1/small/spot, end in 2m, surplus, -$0.0450/h: 4 is held for a target of 2
|   waits for a sight of aws/east
at 20m see aws/east
plan
| shrink: target 2 (queue: need 2), held 6, $0.1980/h -> $0.0540/h
|   drain m05 in gcp/west/w1/small/spot, end in 2m, surplus, -$0.0450/h: 6 is held for a target of 2
|     not aws/east/e1/small/spot $0.0270: worse
|   drain m06 in gcp/west/w1/small/spot, end in 2m, surplus, -$0.0450/h: 6 is held for a target of 2
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 2
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 2
|   end m07 in gcp/west/w1/small/spot, drained: its drain time is over
|   end m08 in gcp/west/w1/small/spot, drained: its drain time is over
