# A target below the base is on-demand as a whole.
fleet base 5
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 30
plan
