# A machine above the minimum is lost while the budget is used up: it is not replaced. One that the minimum needs is.
fleet min 1
offer aws/east/e1/small/spot price 0.027
budget day 10 freeze
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.0810/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 3 spot 3 lacks
|   its budget of a day: $0.00 of $10.00; ends in 1d
ready
at 1h spent day 10
notice aws/east/e1/small/spot x1 in 2m
plan
| repair: target 3 (queue: need 3), held 2, $0.0810/h -> $0.0540/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   waits with 1 machines: its budget of a day is used up, more in 23h
|   its budget of a day: $10.00 of $10.00, used up: freeze; ends in 23h
|   again in 23h
at 1h2m notice aws/east/e1/small/spot x2 in 2m
plan
| repair: target 3 (queue: need 3), held 0, $0.0540/h -> $0.0270/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 3 spot 3 lacks
|   drain m02 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   drain m03 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   waits with 2 machines: its budget of a day is used up, more in 22h58m
|   its budget of a day: $10.00 of $10.00, used up: freeze; ends in 22h58m
|   again in 22h58m
