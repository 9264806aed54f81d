# What the limit leaves goes to the base first.
fleet base 2 launches-per-hour 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.2270/h
|   launch 2 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.2000/h: the on-demand base of 2 lacks 2
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 2 spot 2 lacks
|   waits with 1 machines: 3 launches an hour is the limit, more in 1h
|   again in 1h
