# A pool whose price is not known gets nothing new; what runs there counts and stays.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
withdraw aws/east/e1/small/spot
queue waiting 50
plan
