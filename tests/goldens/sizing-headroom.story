# Headroom is added to the need: ten units and 25 % are 12.5, which take 13 machines.
fleet headroom 25%
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
