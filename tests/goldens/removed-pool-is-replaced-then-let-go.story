# A pool leaves the fleet file: its machines do not count against the target any more, so others are launched; once
# those run, it lets go of them.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
queue waiting 30
plan
| rest: target 3 (queue: need 3; first), held 3, $0.0810/h
at 1m remove aws/east/e1/small/spot
plan
| grow: target 3 (queue: need 3), held 3, $0.0810/h -> $0.1740/h
|   launch 3 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
at 2m plan
| rest: target 3 (queue: need 3), held 6, $0.1740/h
ready
fixpoint
| at 2m:
| shrink: target 3 (queue: need 3), held 6, $0.1740/h -> $0.0930/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 5 runs without it for a target of 3
|   drain m02 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 4 runs without it for a target of 3
|   drain m03 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 3 runs without it for a target of 3
| at 4m:
| shrink: target 3 (queue: need 3), held 3, $0.0930/h -> $0.0930/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
| at rest at 4m: target 3, on-demand 0, spot 3
holds
| aws/east/e2/small/spot x3 running
