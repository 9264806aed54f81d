# Below the maximum there is no room for all that should survive: it says so.
fleet min 4 max 6 survive region
offer aws/east/e1/small/spot price 0.030
offer aws/west/w1/small/spot price 0.040
queue waiting 0
plan
| grow: target 4 (queue: need 0; min; first), held 0, $0.0000/h -> $0.2000/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.1200/h: of 4 spot 4 lacks
|   launch 2 x aws/west/w1/small/spot of 1 at $0.0400 per unit for survive, +$0.0800/h: 0 of the minimum of 4 would survive the loss of a region
|   waits for an offer of 2 for survive
