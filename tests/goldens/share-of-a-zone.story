# Two types in one zone fail together: the zone holds at most half of the ten units, whatever the type.
fleet share zone 50%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e1/large/spot price 0.028
offer aws/east/e2/small/spot price 0.040
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.3350/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1350/h: of 10 spot 10 lacks
|     not aws/east/e1/large/spot $0.0280: worse
|   launch 5 x aws/east/e2/small/spot of 1 at $0.0400 per unit for spot, +$0.2000/h: of 10 spot 10 lacks
|     not aws/east/e1/large/spot $0.0280: the zone holds its share
