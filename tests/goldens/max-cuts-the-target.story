# The need is 50, the maximum 8.
fleet max 8
offer aws/east/e1/small/spot price 0.031
queue waiting 500
plan
