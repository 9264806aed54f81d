# No pool holds more than 40 % of the ten spot units.
fleet share pool 40%
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.035
queue waiting 100
plan
