# This budget only says so: from four fifths on, and when it is used up.
offer aws/east/e1/small/spot price 0.027
budget day 10 alert
spent day 8.5
queue waiting 20
plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.0540/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 2 spot 2 lacks
|   its budget of a day: $8.50 of $10.00, near its end; ends in 1d
at 1h spent day 12
queue waiting 40
plan
| grow: target 4 (queue: need 4; was 2), held 2, $0.0540/h -> $0.1080/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 4 spot 2 lacks
|   its budget of a day: $12.00 of $10.00, used up: alert; ends in 23h
