# While the target holds for want of data, a lost machine is still replaced.
fleet min 2
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
ready
at 1m queue missing
lose aws/east/e1/small/spot x2
plan
