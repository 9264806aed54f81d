# Spot has no room. After five minutes on-demand bridges what is missing. Once spot has room again it is bought, and
# the bridge goes when the replacement runs.
fleet base 1 fallback 5m
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1930/h
|   launch 1 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.1000/h: the on-demand base of 1 lacks 1
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
ready aws/east/e1/small/on-demand
refuse aws/east/e1/small/spot no-capacity
at 1m plan
| rest: target 4 (queue: need 4), held 1 (1 on-demand), $0.1000/h
|   spot is 3 short, on-demand bridges in 4m
|   waits for an offer of 3 for spot
|     not aws/east/e1/small/spot $0.0310: closed by no-capacity, opens in 2m
|   again in 2m
at 4m plan
| grow: target 4 (queue: need 4), held 1 (1 on-demand), $0.1000/h -> $0.1930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
refuse aws/east/e1/small/spot no-capacity
at 5m plan
| grow: target 4 (queue: need 4), held 1 (1 on-demand), $0.1000/h -> $0.4000/h
|   launch 3 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for bridge, +$0.3000/h: spot has been short for 5m and 3 of it is not bridged
|   waits for an offer of 3 for spot
|     not aws/east/e1/small/spot $0.0310: closed by no-capacity, opens in 5m
|   again in 5m
ready
at 6m plan
| rest: target 4 (queue: need 4), held 4 (4 on-demand), $0.4000/h
|   waits for an offer of 3 for spot
|     not aws/east/e1/small/spot $0.0310: closed by no-capacity, opens in 4m
|   again in 4m
at 10m plan
| grow: target 4 (queue: need 4), held 4 (4 on-demand), $0.4000/h -> $0.4930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
at 11m plan
| rest: target 4 (queue: need 4), held 7 (4 on-demand), $0.4930/h
ready
at 12m plan
| shrink: target 4 (queue: need 4), held 7 (4 on-demand), $0.4930/h -> $0.1930/h
|   drain m08 in aws/east/e1/small/on-demand, end in 2m, bridge-over, -$0.1000/h: 6 runs without it for a target of 4
|   drain m09 in aws/east/e1/small/on-demand, end in 2m, bridge-over, -$0.1000/h: 5 runs without it for a target of 4
|   drain m10 in aws/east/e1/small/on-demand, end in 2m, bridge-over, -$0.1000/h: 4 runs without it for a target of 4
fixpoint
| at 14m:
| shrink: target 4 (queue: need 4), held 4 (1 on-demand), $0.1930/h -> $0.1930/h
|   end m08 in aws/east/e1/small/on-demand, drained: its drain time is over
|   end m09 in aws/east/e1/small/on-demand, drained: its drain time is over
|   end m10 in aws/east/e1/small/on-demand, drained: its drain time is over
| at rest at 14m: target 4, on-demand 1, spot 3
holds
| aws/east/e1/small/spot x3 running
| aws/east/e1/small/on-demand x1 running
