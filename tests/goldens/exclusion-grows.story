# A pool without room is passed over for three minutes, then six, then twelve; one success and it starts anew.
fleet share pool 50%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1160/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 4 spot 4 lacks
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0310 per unit for spot, +$0.0620/h: of 4 spot 4 lacks
ready aws/east/e2/small/spot
refuse aws/east/e1/small/spot no-capacity
at 1m plan
| rest: target 4 (queue: need 4), held 2, $0.0620/h
|   waits for an offer of 2 for spot
|     not aws/east/e1/small/spot $0.0270: closed by no-capacity, opens in 2m
|     not aws/east/e2/small/spot $0.0310: the pool holds its share
|   again in 2m
at 3m plan
| grow: target 4 (queue: need 4), held 2, $0.0620/h -> $0.1160/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 4 spot 2 lacks
|     not aws/east/e2/small/spot $0.0310: worse
refuse aws/east/e1/small/spot no-capacity
at 8m plan
| rest: target 4 (queue: need 4), held 2, $0.0620/h
|   waits for an offer of 2 for spot
|     not aws/east/e1/small/spot $0.0270: closed by no-capacity, opens in 1m
|     not aws/east/e2/small/spot $0.0310: the pool holds its share
|   again in 1m
at 9m plan
| grow: target 4 (queue: need 4), held 2, $0.0620/h -> $0.1160/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 4 spot 2 lacks
|     not aws/east/e2/small/spot $0.0310: worse
refuse aws/east/e1/small/spot no-capacity
at 20m plan
| rest: target 4 (queue: need 4), held 2, $0.0620/h
|   waits for an offer of 2 for spot
|     not aws/east/e1/small/spot $0.0270: closed by no-capacity, opens in 1m
|     not aws/east/e2/small/spot $0.0310: the pool holds its share
|   again in 1m
at 21m plan
| grow: target 4 (queue: need 4), held 2, $0.0620/h -> $0.1160/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 4 spot 2 lacks
|     not aws/east/e2/small/spot $0.0310: worse
ready
lose aws/east/e1/small/spot x1
plan
| grow: target 4 (queue: need 4), held 3, $0.0890/h -> $0.1160/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 4 spot 1 lacks
|     not aws/east/e2/small/spot $0.0310: worse
refuse aws/east/e1/small/spot no-capacity
at 23m plan
| rest: target 4 (queue: need 4), held 3, $0.0890/h
|   waits for an offer of 1 for spot
|     not aws/east/e1/small/spot $0.0270: closed by no-capacity, opens in 1m
|     not aws/east/e2/small/spot $0.0310: the pool holds its share
|   again in 1m
at 24m plan
| grow: target 4 (queue: need 4), held 3, $0.0890/h -> $0.1160/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 4 spot 1 lacks
|     not aws/east/e2/small/spot $0.0310: worse
