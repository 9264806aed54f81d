# One provider holds at most 80 % of the ten units, its regions together.
fleet share provider 80%
offer aws/east/e1/small/spot price 0.027
offer aws/west/w1/small/spot price 0.028
offer gcp/west/w1/small/spot price 0.040
queue waiting 100
plan
| grow: target 10 (queue: need 10; first), held 0, $0.0000/h -> $0.2960/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.2160/h: of 10 spot 10 lacks
|     not aws/west/w1/small/spot $0.0280: worse
|   launch 2 x gcp/west/w1/small/spot of 1 at $0.0400 per unit for spot, +$0.0800/h: of 10 spot 10 lacks
|     not aws/west/w1/small/spot $0.0280: the provider holds its share
