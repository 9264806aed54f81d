# A need that comes back within the grace finds its machines: nothing was ended, nothing is launched.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
| grow: target 8 (queue: need 8; first), held 0, $0.0000/h -> $0.2480/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.2480/h: of 8 spot 8 lacks
ready
run to 20m every 1m
queue waiting 20
run to 30m every 1m
dry-plan
| rest: target 8 (queue: need 2; idle grace, may fall in 6m), held 8, $0.2480/h
|   again in 6m
queue waiting 80
run to 40m every 1m
dry-plan
| rest: target 8 (queue: need 8), held 8, $0.2480/h
