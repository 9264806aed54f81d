# A machine of eight vCPUs at 0.200 is cheaper a vCPU than one of two at 0.060. Two of them cover the twelve.
fleet unit vcpu
offer aws/east/e1/small/spot price 0.060 vcpus 2
offer aws/east/e1/large/spot price 0.200 vcpus 8
queue waiting 120
plan
