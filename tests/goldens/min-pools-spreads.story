# Ten units over at least four pools: no pool gets more than three machines, the cheapest ones first.
fleet min-pools 4
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.035
offer gcp/west/w2/small/spot price 0.033
offer ppio/cn/c1/small/spot price 0.050
queue waiting 100
plan
