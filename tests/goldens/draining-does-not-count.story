# A machine that was told to go does not count: the need comes back while it drains, and a new one is launched.
fleet drain-timeout 10m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x2
queue waiting 20
plan
at 1m queue waiting 10
plan
at 2m queue waiting 20
plan
