# Each morning at nine the need goes from 2 to 20. At 8:30 the queue is as calm as at night, and the fleet is raised
# for what the next hour brings.
fleet forecast 1h quantile 90%
offer aws/east/e1/small/spot price 0.031
history 14d need 2
history 14d need 20 hours 9-17
queue waiting 20
at 7h30m plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.0620/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 2 spot 2 lacks
ready
at 8h30m plan
| rest: target 2 (queue: need 2), held 2, $0.0620/h
