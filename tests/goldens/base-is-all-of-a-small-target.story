# A target below the base is on-demand as a whole.
fleet base 5
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.3000/h
|   launch 3 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.3000/h: the on-demand base of 3 lacks 3
