# One region holds at most 60 % of the ten units, its zones together.
fleet share region 60%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.028
offer aws/west/w1/small/spot price 0.040
queue waiting 100
plan
