# A type without a GPU brings nothing to a fleet that counts GPUs, at any price.
fleet unit gpu
offer aws/east/e1/cpu/spot price 0.001 vcpus 64
offer aws/east/e1/gpu/spot price 0.300 vcpus 4 gpus 1
queue waiting 20
plan
| grow: target 2 (queue: need 2; first), held 0, $0.0000/h -> $0.6000/h
|   launch 2 x aws/east/e1/gpu/spot of 1 at $0.3000 per unit for spot, +$0.6000/h: of 2 spot 2 lacks
|     not aws/east/e1/cpu/spot: brings none of the unit
