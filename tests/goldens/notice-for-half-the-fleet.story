# A whole pool is taken: what the other may hold by its share is bought there, and the rest comes from elsewhere.
fleet share pool 60%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
offer gcp/west/w1/small/spot price 0.045
running aws/east/e1/small/spot x5
running aws/east/e2/small/spot x5
queue waiting 100
plan
at 5m notice aws/east/e1/small/spot x5 in 2m
refuse aws/east/e1/small/spot no-capacity
plan
