# With a day of history there is no forecast yet, and the queue decides alone.
fleet forecast 1h quantile 90%
offer aws/east/e1/small/spot price 0.031
history 1d need 30
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
