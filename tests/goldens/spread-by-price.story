# Without any bound all spot goes to the cheapest pool.
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.035
queue waiting 60
plan
