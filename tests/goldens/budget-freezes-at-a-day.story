# The day's budget is used up: nothing more is launched. What the minimum needs is, whatever it costs. A new day brings
# new money.
fleet min 2
offer aws/east/e1/small/spot price 0.027
budget day 10 freeze
spent day 9.99
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.0810/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 3 spot 3 lacks
|   its budget of a day: $9.99 of $10.00, near its end; ends in 1d
ready
at 1h spent day 10
queue waiting 80
plan
| rest: target 8 (queue: need 8; was 3), held 3, $0.0810/h
|   waits with 5 machines: its budget of a day is used up, more in 23h
|   its budget of a day: $10.00 of $10.00, used up: freeze; ends in 23h
|   again in 23h
at 2h lose aws/east/e1/small/spot x2
plan
| grow: target 8 (queue: need 8), held 1, $0.0270/h -> $0.0540/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 8 spot 7 lacks
|   waits with 6 machines: its budget of a day is used up, more in 22h
|   its budget of a day: $10.00 of $10.00, used up: freeze; ends in 22h
|   again in 22h
ready
at 24h spent day 0
plan
| grow: target 8 (queue: need 8), held 2, $0.0540/h -> $0.2160/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1620/h: of 8 spot 6 lacks
|   its budget of a day: $0.00 of $10.00; ends now
