# All that runs may cost 0.10 an hour. A dear pool no longer fits; the cheap one does. When the price of what runs rises
# past the limit, spot goes until it is within it again.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.040
budget hour 0.10 shed-spot
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.0810/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 6 spot 6 lacks
|     not aws/east/e2/small/spot $0.0400: worse
|   waits with 3 machines: its budget of an hour is used up
|   its budget of an hour: $0.00 of $0.10
ready
at 1h offer aws/east/e1/small/spot price 0.045
plan
| shrink: target 6 (queue: need 6), held 3, $0.1350/h -> $0.0900/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, budget, -$0.0450/h: the budget of an hour is used up: 0.135 of 0.10
|   waits with 3 machines: its budget of an hour is used up
|   its budget of an hour: $0.135 of $0.10, used up: shed-spot
at 1h3m plan
| shrink: target 6 (queue: need 6), held 2, $0.0900/h -> $0.0900/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   waits with 4 machines: its budget of an hour is used up
|   its budget of an hour: $0.09 of $0.10, near its end
