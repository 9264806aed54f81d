# A type without a GPU brings nothing to a fleet that counts GPUs, at any price.
fleet unit gpu
offer aws/east/e1/cpu/spot price 0.001 vcpus 64
offer aws/east/e1/gpu/spot price 0.300 vcpus 4 gpus 1
queue waiting 20
plan
