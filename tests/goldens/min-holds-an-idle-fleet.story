# Nothing waits, and the minimum stays.
fleet min 3
offer aws/east/e1/small/spot price 0.031
queue waiting 0
plan
| grow: target 3 (queue: need 0; min; first), held 0, $0.0000/h -> $0.0930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
fixpoint
| at rest at 0s: target 3, on-demand 0, spot 3
