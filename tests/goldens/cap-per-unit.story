# The absolute cap is per unit: 0.120 for four vCPUs is below it, 0.070 for two is above.
fleet unit vcpu cap-per-unit 0.030
offer aws/east/e1/large/spot price 0.120 vcpus 4
offer aws/east/e1/small/spot price 0.070 vcpus 2
queue waiting 80
plan
