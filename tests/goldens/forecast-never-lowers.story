# The forecast says little; what waits now counts.
fleet forecast 1h quantile 90%
offer aws/east/e1/small/spot price 0.031
history 14d need 2
queue waiting 100
plan
| grow: target 10 (queue: need 10; forecast 2; first), held 0, $0.0000/h -> $0.3100/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 10 spot 10 lacks
