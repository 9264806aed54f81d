# Without readings the last target holds for 15 minutes, then the stated capacity is wanted. A reading ends that.
fleet min 2 hold 15m then 6
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
ready
at 5m queue missing
plan
at 19m59s plan
at 20m plan
at 25m queue waiting 80
plan
