# Yuan are compared with dollars at the configured rate: 0.210 CNY are 0.0294 USD and the cheapest offer.
exchange CNY 0.14
offer aws/east/e1/small/spot price 0.031
offer ppio/cn/c1/small/spot price 0.210 CNY
queue waiting 30
plan
