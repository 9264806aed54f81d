# Four pools are asked for and two are offered: they get their part, and the rest waits rather than pile up.
fleet min-pools 4
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
queue waiting 100
plan
ready
plan
