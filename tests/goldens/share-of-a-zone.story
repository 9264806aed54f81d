# Two types in one zone fail together: the zone holds half of the ten units, whatever the type.
fleet share zone 50%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e1/large/spot price 0.028
offer aws/east/e2/small/spot price 0.040
queue waiting 100
plan
