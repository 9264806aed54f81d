# Spot above 70 % of the same type's on-demand price in its region is not bought, however short the fleet is.
fleet cap 70%
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.070
offer aws/east/e2/small/spot price 0.071
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.4200/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0700 per unit for spot, +$0.4200/h: of 6 spot 6 lacks
|     not aws/east/e2/small/spot $0.0710: above its share of on-demand, $0.0700 per unit
at 1m offer aws/east/e1/small/spot price 0.072
queue waiting 80
plan
| rest: target 8 (queue: need 8; was 6), held 6, $0.4320/h
|   waits for an offer of 2 for spot
|     not aws/east/e2/small/spot $0.0710: above its share of on-demand, $0.0700 per unit
|     not aws/east/e1/small/spot $0.0720: above its share of on-demand, $0.0700 per unit
