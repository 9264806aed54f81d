# The stated capacity for missing data is below the minimum: the minimum wins.
fleet min 4 hold 1m then 1
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
ready
at 1m queue missing
at 3m plan
