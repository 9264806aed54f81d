# Of several on-demand pools the cheapest a unit gives the base.
fleet base 4 unit vcpu
offer aws/east/e1/small/on-demand price 0.100 vcpus 2
offer aws/east/e1/large/on-demand price 0.190 vcpus 4
offer gcp/west/w1/small/on-demand price 0.110 vcpus 2
queue waiting 40
plan
