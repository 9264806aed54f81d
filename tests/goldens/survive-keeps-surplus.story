# Demand is gone, but the minimum of 2 would not survive the loss of a provider without the dearest machines.
fleet min 2 survive provider
offer aws/east/e1/small/spot price 0.030
offer gcp/west/w1/small/spot price 0.050
running aws/east/e1/small/spot x6
running gcp/west/w1/small/spot x3
queue waiting 0
plan
| shrink: target 2 (queue: need 0; min; first), held 9, $0.3300/h -> $0.1600/h
|   drain m07 in gcp/west/w1/small/spot, end in 2m, surplus, -$0.0500/h: 9 is held for a target of 2
|     not gcp/west/w1/small/spot $0.0500: the minimum would not survive the loss of a place
|     not aws/east/e1/small/spot $0.0300: the minimum would not survive the loss of a place
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 9 is held for a target of 2
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 9 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 9 is held for a target of 2
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0300/h: 9 is held for a target of 2
