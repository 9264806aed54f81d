# After a raise there is none for a minute, whatever comes; then it goes on.
fleet cooldown-up 60s
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
| grow: target 5 (queue: need 5; first), held 0, $0.0000/h -> $0.1550/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1550/h: of 5 spot 5 lacks
ready
at 10s queue waiting 60
plan
| rest: target 5 (queue: need 6; may rise in 50s), held 5, $0.1550/h
|   again in 50s
ready
at 30s queue waiting 90
plan
| rest: target 5 (queue: need 9; may rise in 30s), held 5, $0.1550/h
|   again in 30s
at 1m10s plan
| grow: target 9 (queue: need 9; was 5), held 5, $0.1550/h -> $0.2790/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 9 spot 4 lacks
