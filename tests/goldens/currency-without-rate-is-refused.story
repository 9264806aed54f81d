# Without a rate for its currency an offer has no price: it is refused, not guessed.
offer aws/east/e1/small/spot price 0.031
offer ppio/cn/c1/small/spot price 0.010 CNY
queue waiting 30
plan
