# One call launches at most ten machines here: 25 are three calls.
offer aws/east/e1/small/spot price 0.031
lane aws/east batch 10
queue waiting 250
plan
| grow: target 25 (queue: need 25; first), held 0, $0.0000/h -> $0.7750/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 25 spot 25 lacks
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 25 spot 25 lacks
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 25 spot 25 lacks
