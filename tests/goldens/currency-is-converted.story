# Yuan are compared with dollars at the configured rate: 0.210 CNY are 0.0294 USD and the cheapest offer.
exchange CNY 0.14
offer aws/east/e1/small/spot price 0.031
offer ppio/cn/c1/small/spot price 0.210 CNY
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.0882/h
|   launch 3 x ppio/cn/c1/small/spot of 1 at $0.0294 per unit for spot, +$0.0882/h: of 3 spot 3 lacks
|     not aws/east/e1/small/spot $0.0310: worse
