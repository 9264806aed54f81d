# A quota that is used up closes spot in that region, not on-demand there and not spot elsewhere. A pool
# without room, as the on-demand one here, is closed by itself and open again after three minutes.
fleet base 1
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
offer aws/west/w1/small/spot price 0.035
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.1540/h
|   launch 1 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.1000/h: the on-demand base of 1 lacks 1
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 2 spot 2 lacks
|     not aws/east/e2/small/spot $0.0280: worse
|     not aws/west/w1/small/spot $0.0350: worse
refuse aws/east/e1/small/spot quota
refuse aws/east/e1/small/on-demand no-capacity
at 4m plan
| grow: target 3 (queue: need 3), held 0, $0.0000/h -> $0.1700/h
|   launch 1 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.1000/h: the on-demand base of 1 lacks 1
|   launch 2 x aws/west/w1/small/spot of 1 at $0.0350 per unit for spot, +$0.0700/h: of 2 spot 2 lacks
|     not aws/east/e1/small/spot $0.0270: closed by quota, opens in 6m
|     not aws/east/e2/small/spot $0.0280: closed by quota, opens in 6m
