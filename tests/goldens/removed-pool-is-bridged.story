# A pool leaves the fleet file while spot has no room elsewhere: on-demand bridges what its machines still do. The
# bridge does not go on account of them; they go when it runs.
fleet fallback 5m
offer aws/east/e1/small/spot price 0.027
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x2
queue waiting 20
plan
| rest: target 2 (queue: need 2; first), held 2, $0.0540/h
at 1m remove aws/east/e1/small/spot
plan
| grow: target 2 (queue: need 2), held 2, $0.0540/h -> $0.1160/h
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
refuse aws/east/e2/small/spot no-capacity
at 4m plan
| as before
refuse aws/east/e2/small/spot no-capacity
at 6m plan
| grow: target 2 (queue: need 2), held 2, $0.0540/h -> $0.2540/h
|   launch 2 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for bridge, +$0.2000/h: spot has been short for 5m and 2 of it is not bridged
|   waits for an offer of 2 for spot
|     not aws/east/e2/small/spot $0.0310: closed by no-capacity, opens in 4m
|   again in 4m
at 7m plan
| rest: target 2 (queue: need 2), held 4 (2 on-demand), $0.2540/h
|   waits for an offer of 2 for spot
|     not aws/east/e2/small/spot $0.0310: closed by no-capacity, opens in 3m
|   again in 3m
ready
at 8m plan
| shrink: target 2 (queue: need 2), held 4 (2 on-demand), $0.2540/h -> $0.2000/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 3 runs without it for a target of 2
|   drain m02 in aws/east/e1/small/spot, end in 2m, pool-removed, -$0.0270/h: its pool is not in the fleet file; 2 runs without it for a target of 2
|   waits for an offer of 2 for spot
|     not aws/east/e2/small/spot $0.0310: closed by no-capacity, opens in 2m
|   again in 2m
at 10m plan
| grow: target 2 (queue: need 2), held 2 (2 on-demand), $0.2000/h -> $0.2620/h
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
holds
| aws/east/e1/small/on-demand x2 running
| aws/east/e2/small/spot x2 starting
