# A machine of eight is more than the five to spare: ending it would fall below the target, so it stays.
fleet unit vcpu
offer aws/east/e1/large/spot price 0.200 vcpus 8
running aws/east/e1/large/spot x2
queue waiting 160
plan
at 1m queue waiting 110
plan
