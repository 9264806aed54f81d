# A quota that is used up closes spot in that region, not on-demand there and not spot elsewhere.
fleet base 1
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
offer aws/west/w1/small/spot price 0.035
queue waiting 30
plan
refuse aws/east/e1/small/spot quota
refuse aws/east/e1/small/on-demand no-capacity
at 4m plan
