# No on-demand offer is known: spot is bought, the base is not made up for with spot, and the plan says what is missing.
fleet base 2
offer aws/east/e1/small/on-demand price 0.100
withdraw aws/east/e1/small/on-demand
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.0930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
|   waits for an offer of 2 for base
|     not aws/east/e1/small/on-demand: not offered
