# A dip to nothing takes the spot machines and leaves the base, down to which the minimum reaches.
fleet min 2 base 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
queue waiting 60
plan
ready
at 5m queue waiting 0
fixpoint
holds
