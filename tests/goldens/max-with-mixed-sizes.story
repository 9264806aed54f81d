# The maximum is never passed, also not by the last machine: seven units are three machines of two and one of one,
# though a further machine of two would be cheaper a unit. Where only twos are offered, the seventh unit has to wait.
fleet max 7 unit vcpu min-pools 1
offer aws/east/e1/two/spot price 0.050 vcpus 2
offer aws/east/e1/one/spot price 0.031 vcpus 1
queue waiting 500
dry-plan
| grow: target 7 (queue: need 50; max; first), held 0, $0.0000/h -> $0.1810/h
|   launch 3 x aws/east/e1/two/spot of 2 at $0.0250 per unit for spot, +$0.1500/h: of 7 spot 7 lacks
|   launch 1 x aws/east/e1/one/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 7 spot 7 lacks
withdraw aws/east/e1/one/spot
plan
| grow: target 7 (queue: need 50; max; first), held 0, $0.0000/h -> $0.1500/h
|   launch 3 x aws/east/e1/two/spot of 2 at $0.0250 per unit for spot, +$0.1500/h: of 7 spot 7 lacks
|     not aws/east/e1/one/spot: not offered
|   waits for an offer of 1 for spot
|     not aws/east/e1/one/spot: not offered
ready
plan
| rest: target 7 (queue: need 50; max), held 6, $0.1500/h
|   waits for an offer of 1 for spot
|     not aws/east/e1/two/spot $0.0250: would pass the maximum
|     not aws/east/e1/one/spot: not offered
