# Two of ten machines never run. That is less than half, and fewer than three: they are replaced, and nothing halts.
fleet ready-within 10m halt-above 50%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
fleet share pool 80%
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.2720/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.2160/h: of 10 spot 10 lacks
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0280 per unit for spot, +$0.0560/h: of 10 spot 10 lacks
ready aws/east/e1/small/spot
at 10m plan
| repair: target 10 (queue: need 10), held 10, $0.2720/h -> $0.2160/h
|   drain m09 in aws/east/e2/small/spot, end in 2m, never-ready, -$0.0280/h: it does not run 10m after its launch
|   drain m10 in aws/east/e2/small/spot, end in 2m, never-ready, -$0.0280/h: it does not run 10m after its launch
at 10m10s plan
| grow: target 10 (queue: need 10), held 8, $0.2160/h -> $0.2720/h
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0280 per unit for spot, +$0.0560/h: of 10 spot 2 lacks
|     not aws/east/e1/small/spot $0.0270: the pool holds its share
|   2 draining, the first ends in 1m50s
|   again in 1m50s
