# The base is bought on-demand and first; what is above it is spot.
fleet base 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
fixpoint
