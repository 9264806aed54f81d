# One of two machines does not run within its time: it is let go, and replaced by the plan after that. The other one
# is not touched.
fleet ready-within 10m halt-above 50%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
queue waiting 20
fleet min-pools 2
plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.0550/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 2 spot 2 lacks
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0280 per unit for spot, +$0.0280/h: of 2 spot 2 lacks
ready aws/east/e1/small/spot
at 9m plan
| rest: target 2 (queue: need 2), held 2, $0.0550/h
|   again in 1m
at 10m plan
| repair: target 2 (queue: need 2), held 2, $0.0550/h -> $0.0270/h
|   drain m02 in aws/east/e2/small/spot, end in 2m, never-ready, -$0.0280/h: it does not run 10m after its launch
at 10m10s plan
| grow: target 2 (queue: need 2), held 1, $0.0270/h -> $0.0550/h
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0280 per unit for spot, +$0.0280/h: of 2 spot 1 lacks
|     not aws/east/e1/small/spot $0.0270: the pool holds its share
|   1 draining, the first ends in 1m50s
|   again in 1m50s
holds
| aws/east/e1/small/spot x1 running
| aws/east/e2/small/spot x1 draining
| aws/east/e2/small/spot x1 starting
