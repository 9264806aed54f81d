# A machine is told to finish, has five minutes for it, and is ended then, not before.
fleet drain-timeout 5m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x2
queue waiting 20
plan
at 1m queue waiting 10
plan
at 5m59s plan
at 6m plan
holds
