# The fleet is at its maximum: what the provider takes makes room for its own replacement.
fleet max 4
offer aws/east/e1/small/spot price 0.027
running aws/east/e1/small/spot x4
queue waiting 40
plan
at 1m notice aws/east/e1/small/spot x1 in 2m
plan
