# Another pool becomes cheaper: what runs stays. Moving for price alone is not done here.
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.040
queue waiting 30
plan
ready
at 10m offer aws/east/e2/small/spot price 0.010
plan
