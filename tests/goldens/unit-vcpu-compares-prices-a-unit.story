# A vCPU is cheaper in the machine of eight, so it comes first. The four that are left are cheaper in two machines of
# two than in a second of eight that is half idle.
fleet unit vcpu
offer aws/east/e1/small/spot price 0.060 vcpus 2
offer aws/east/e1/large/spot price 0.200 vcpus 8
queue waiting 120
plan
| grow: target 12 (queue: need 12; first), held 0, $0.0000/h -> $0.3200/h
|   launch 1 x aws/east/e1/large/spot of 8 at $0.0250 per unit for spot, +$0.2000/h: of 12 spot 12 lacks
|   launch 2 x aws/east/e1/small/spot of 2 at $0.0300 per unit for spot, +$0.1200/h: of 12 spot 12 lacks
