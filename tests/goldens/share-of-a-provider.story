# One provider holds at most 80 % of the ten units, its regions together.
fleet share provider 80%
offer aws/east/e1/small/spot price 0.027
offer aws/west/w1/small/spot price 0.028
offer gcp/west/w1/small/spot price 0.040
queue waiting 100
plan
