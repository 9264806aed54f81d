# One raise adds at most half of the target; the next goes on from there once its cooldown is over.
fleet step-up 50% cooldown-up 60s
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3100/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 10 spot 10 lacks
ready
at 1m queue waiting 400
plan
| grow: target 15 (queue: need 40; one step up; was 10), held 10, $0.3100/h -> $0.4650/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 15 spot 5 lacks
|   again in 1m
ready
run to 3m every 30s
| at 2m:
| grow: target 22 (queue: need 40; one step up; was 15), held 15, $0.4650/h -> $0.6820/h
|   launch 7 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.2170/h: of 22 spot 7 lacks
|   again in 1m
| at 3m:
| grow: target 33 (queue: need 40; one step up; was 22), held 22, $0.6820/h -> $1.0230/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 33 spot 11 lacks
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 33 spot 11 lacks
|   again in 1m
