# A pool leaves the fleet file: its machines do not count against the target any more, so others are launched; once
# those run, it lets go of them.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
queue waiting 30
plan
at 1m remove aws/east/e1/small/spot
plan
at 2m plan
ready
fixpoint
holds
