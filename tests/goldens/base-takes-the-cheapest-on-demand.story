# Of several on-demand pools the cheapest a unit gives the base.
fleet base 4 unit vcpu
offer aws/east/e1/small/on-demand price 0.100 vcpus 2
offer aws/east/e1/large/on-demand price 0.190 vcpus 4
offer gcp/west/w1/small/on-demand price 0.110 vcpus 2
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1900/h
|   launch 1 x aws/east/e1/large/on-demand of 4 at $0.0475 per unit for base, +$0.1900/h: the on-demand base of 4 lacks 4
|     not aws/east/e1/small/on-demand $0.0500: worse
|     not gcp/west/w1/small/on-demand $0.0550: worse
