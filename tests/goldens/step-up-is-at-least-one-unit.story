# Half of one unit is less than one unit: a small fleet still moves.
fleet min 1 step-up 50%
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x1
queue waiting 0
plan
at 1m queue waiting 100
plan
