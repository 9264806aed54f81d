# The cap is half of on-demand, 0.05. A fresh price of 0.0485 is below it. When it is 50 minutes old, it would have to
# be 8.4 % below the cap, and is not: it may have risen meanwhile.
fleet max-price-age 1h cap 50%
offer aws/east/e1/small/spot price 0.0485
offer aws/east/e1/small/on-demand price 0.10
queue waiting 10
plan
| grow: target 1 (queue: need 1; first), held 0, $0.0000/h -> $0.0485/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0485 per unit for spot, +$0.0485/h: of 1 spot 1 lacks
ready
at 50m queue waiting 20
plan
| rest: target 2 (queue: need 2; was 1), held 1, $0.0485/h
|   waits for an offer of 1 for spot
|     not aws/east/e1/small/spot $0.0485: above its share of on-demand, $0.04583 per unit
at 51m priced aws/east
plan
| grow: target 2 (queue: need 2), held 1, $0.0485/h -> $0.0970/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0485 per unit for spot, +$0.0485/h: of 2 spot 1 lacks
