# A source that never answered, and no memory of a target: the minimum is wanted, and where more runs, it stays.
fleet min 2 hold 15m
offer aws/east/e1/small/spot price 0.031
queue missing
dry-plan
running aws/east/e1/small/spot x5
plan
at 1h plan
