# The same in each pool that can be had; what a pool has no share for goes by price.
fleet strategy diversified
offer aws/east/e1/small/spot price 0.030
offer aws/east/e2/small/spot price 0.040
offer gcp/west/w1/small/spot price 0.090
queue waiting 70
plan
| grow: target 7 (queue: need 7; first), held 0, $0.0000/h -> $0.3000/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0900/h: of 7 spot 7 lacks
|   launch 3 x aws/east/e2/small/spot of 1 at $0.0400 per unit for spot, +$0.1200/h: of 7 spot 7 lacks
|   launch 1 x gcp/west/w1/small/spot of 1 at $0.0900 per unit for spot, +$0.0900/h: of 7 spot 7 lacks
ready
refuse gcp/west/w1/small/spot no-capacity
queue waiting 120
plan
| grow: target 12 (queue: need 12; was 7), held 7, $0.3000/h -> $0.4700/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0900/h: of 12 spot 5 lacks
|     not gcp/west/w1/small/spot $0.0900: closed by no-capacity, opens in 3m
|   launch 2 x aws/east/e2/small/spot of 1 at $0.0400 per unit for spot, +$0.0800/h: of 12 spot 5 lacks
