# The operator halves the base and does not return to spot: the two on-demand machines above the base stay while spot
# can go in their place, and leave when no spot is left.
fleet base 4 return no
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
queue waiting 60
plan
ready
at 1m fleet base 2
queue waiting 50
plan
at 5m queue waiting 30
plan
