# The base is bought on-demand and first; what is above it is spot.
fleet base 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.2930/h
|   launch 2 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.2000/h: the on-demand base of 2 lacks 2
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
fixpoint
| at rest at 0s: target 5, on-demand 2, spot 3
