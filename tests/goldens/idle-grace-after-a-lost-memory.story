# Without memory nobody knows what was needed lately: the need is watched for the whole grace before anything goes.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x8
queue waiting 20
plan
run to 16m every 1m
