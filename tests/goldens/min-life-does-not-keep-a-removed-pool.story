# A pool leaves the fleet file. Its young machines are replaced and go: least life is about surplus.
fleet min-life 1h
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
queue waiting 20
plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.0540/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 2 spot 2 lacks
|     not aws/east/e2/small/spot $0.0280: worse
ready
at 5m remove aws/east/e1/small/spot
plan
| grow: target 2 (queue: need 2), held 2, $0.0540/h -> $0.1100/h
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0280 per unit for spot, +$0.0560/h: of 2 spot 2 lacks
ready
at 6m plan
| shrink: target 2 (queue: need 2), held 4, $0.1100/h -> $0.0560/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 3 runs without it for a target of 2
|   drain m02 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 2 runs without it for a target of 2
