# At its limit this budget lets spot go, the dearest first, and keeps the minimum. On-demand stays.
fleet min 3 base 1
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.030
offer aws/east/e1/small/on-demand price 0.096
fleet share pool 50%
budget month 100 shed-spot
spent month 50
queue waiting 70
plan
| grow: target 7 (queue: need 7; first), held 0, $0.0000/h -> $0.2670/h
|   launch 1 x aws/east/e1/small/on-demand of 1 at $0.0960 per unit for base, +$0.0960/h: the on-demand base of 1 lacks 1
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 6 spot 6 lacks
|   launch 3 x aws/east/e2/small/spot of 1 at $0.0300 per unit for spot, +$0.0900/h: of 6 spot 6 lacks
|   its budget of a month: $50.00 of $100.00; ends in 31d
ready
at 1h spent month 100
plan
| shrink: target 7 (queue: need 7), held 7 (1 on-demand), $0.2670/h -> $0.1500/h
|   drain m05 in aws/east/e2/small/spot, end in 2m, budget, -$0.0300/h: the budget of a month is used up: 100.00 of 100.00
|   drain m06 in aws/east/e2/small/spot, end in 2m, budget, -$0.0300/h: the budget of a month is used up: 100.00 of 100.00
|   drain m07 in aws/east/e2/small/spot, end in 2m, budget, -$0.0300/h: the budget of a month is used up: 100.00 of 100.00
|   drain m02 in aws/east/e1/small/spot, end in 2m, budget, -$0.0270/h: the budget of a month is used up: 100.00 of 100.00
|   its budget of a month: $100.00 of $100.00, used up: shed-spot; ends in 30d23h
at 1h2m plan
| shrink: target 7 (queue: need 7), held 3 (1 on-demand), $0.1500/h -> $0.1500/h
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e2/small/spot, drained: its drain time is over
|   end m06 in aws/east/e2/small/spot, drained: its drain time is over
|   end m07 in aws/east/e2/small/spot, drained: its drain time is over
|   waits with 4 machines: its budget of a month is used up, more in 30d22h58m
|   its budget of a month: $100.00 of $100.00, used up: shed-spot; ends in 30d22h58m
|   again in 30d22h58m
at 1h3m plan
| rest: target 7 (queue: need 7), held 3 (1 on-demand), $0.1500/h
|   waits with 4 machines: its budget of a month is used up, more in 30d22h57m
|   its budget of a month: $100.00 of $100.00, used up: shed-spot; ends in 30d22h57m
|   again in 30d22h57m
holds
| aws/east/e1/small/spot x2 running
| aws/east/e1/small/on-demand x1 running
