# The cap is a share of on-demand, and no on-demand price is known for this type in this region: nothing is guessed.
fleet cap 70%
offer aws/west/w1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.010
queue waiting 20
plan
| rest: target 2 (queue: need 2; first), held 0, $0.0000/h
|   waits for an offer of 2 for spot
|     not aws/east/e1/small/spot $0.0100: its on-demand price is not known
