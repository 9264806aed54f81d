# The provider takes two machines in two minutes: first their replacement is launched, then they are let go.
fleet min-pools 2
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
running aws/east/e2/small/spot x3
queue waiting 60
plan
at 5m notice aws/east/e1/small/spot x2 in 2m
plan
at 7m plan
fixpoint
