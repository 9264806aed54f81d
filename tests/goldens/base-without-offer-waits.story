# No on-demand offer is known: spot is bought, the base is not made up for with spot, and the plan says what is missing.
fleet base 2
offer aws/east/e1/small/on-demand price 0.100
withdraw aws/east/e1/small/on-demand
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
