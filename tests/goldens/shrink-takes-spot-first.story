# The target falls: the dearest spot goes, the youngest of it first; on-demand is not touched.
fleet base 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.050
running aws/east/e1/small/on-demand x2
running aws/east/e1/small/spot x3 age 5h
running aws/east/e2/small/spot x2 age 5h
running aws/east/e2/small/spot x1 age 1h
queue waiting 80
plan
at 1m queue waiting 60
plan
