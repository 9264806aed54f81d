# Jobs that arrive need units as well as those that wait: 600 an hour are ten units, 30 waiting are three more.
fleet rate 60 drain-within 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 30 arriving 600
plan
| grow: target 13 (queue: need 13; first), held 0, $0.0000/h -> $0.4030/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 13 spot 13 lacks
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 13 spot 13 lacks
