# Spot above 70 % of the same type's on-demand price in its region is not bought, however short the fleet is.
fleet cap 70%
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.070
offer aws/east/e2/small/spot price 0.071
queue waiting 60
plan
at 1m offer aws/east/e1/small/spot price 0.072
queue waiting 80
plan
