# A machine of eight is more than the five to spare: ending it would fall below the target, so it stays.
fleet unit vcpu
offer aws/east/e1/large/spot price 0.200 vcpus 8
running aws/east/e1/large/spot x2
queue waiting 160
plan
| rest: target 16 (queue: need 16; first), held 16, $0.4000/h
at 1m queue waiting 110
plan
| rest: target 11 (queue: need 11; was 16), held 16, $0.4000/h
