# What a pool holds already counts towards its share: it gets one more machine and the others the rest.
fleet share pool 40%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
offer gcp/west/w1/small/spot price 0.035
running aws/east/e1/small/spot x3
queue waiting 100
plan
