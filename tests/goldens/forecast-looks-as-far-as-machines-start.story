# Machines that take two hours to start are launched two hours before they are needed, though the horizon is shorter.
fleet forecast 10m quantile 90%
offer aws/east/e1/small/spot price 0.030
history 14d need 1
history 14d need 8 hours 2-4
queue waiting 0
plan
| grow: target 1 (forecast: need 1; first), held 0, $0.0000/h -> $0.0300/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0300/h: of 1 spot 1 lacks
lead 2h
plan
| grow: target 8 (forecast: need 8; was 1), held 1, $0.0300/h -> $0.2400/h
|   launch 7 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.2100/h: of 8 spot 7 lacks
