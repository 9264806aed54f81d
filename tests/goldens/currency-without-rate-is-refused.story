# Without a rate for its currency an offer has no price: it is refused, not guessed.
offer aws/east/e1/small/spot price 0.031
offer ppio/cn/c1/small/spot price 0.010 CNY
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.0930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
|     not ppio/cn/c1/small/spot: no rate of exchange
