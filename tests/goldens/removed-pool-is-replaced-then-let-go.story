# A pool leaves the fleet file: its machines go once others run in their place.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
queue waiting 30
plan
at 1m remove aws/east/e1/small/spot
plan
fixpoint
holds
