# The absolute cap is per unit: 0.120 for four vCPUs is below it, 0.070 for two is above.
fleet unit vcpu cap-per-unit 0.030
offer aws/east/e1/large/spot price 0.120 vcpus 4
offer aws/east/e1/small/spot price 0.070 vcpus 2
queue waiting 80
plan
| grow: target 8 (queue: need 8; first), held 0, $0.0000/h -> $0.2400/h
|   launch 2 x aws/east/e1/large/spot of 4 at $0.0300 per unit for spot, +$0.2400/h: of 8 spot 8 lacks
|     not aws/east/e1/small/spot $0.0350: above the cap of $0.0300 per unit
