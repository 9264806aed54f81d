# The region's prices cannot be read for two hours. Spot is not bought by such prices: what it lacks is bridged with
# on-demand, whose list prices hardly ever move. Once they are read again, spot is bought.
fleet max-price-age 1h fallback 5m
offer aws/east/e1/small/spot price 0.027
offer aws/east/e1/small/on-demand price 0.096
at 2h queue waiting 40
plan
| rest: target 4 (queue: need 4; first), held 0, $0.0000/h
|   spot is 4 short, on-demand bridges in 5m
|   waits for an offer of 4 for spot
|     not aws/east/e1/small/spot $0.0270: its price was read 2h ago
|   again in 5m
at 2h5m plan
| grow: target 4 (queue: need 4), held 0, $0.0000/h -> $0.3840/h
|   launch 4 x aws/east/e1/small/on-demand of 1 at $0.0960 per unit for bridge, +$0.3840/h: spot has been short for 5m and 4 of it is not bridged
|   waits for an offer of 4 for spot
|     not aws/east/e1/small/spot $0.0270: its price was read 2h5m ago
at 2h6m priced aws/east
plan
| grow: target 4 (queue: need 4), held 4 (4 on-demand), $0.3840/h -> $0.4920/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
