# New bounds of the operator obey neither step nor cooldown: the target moves inside them at once.
fleet min 2 max 20 step-up 10% cooldown-up 1h step-down 10% cooldown-down 1h idle-grace 1h
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
ready
at 1m fleet min 15
plan
ready
at 2m fleet min 0 max 4
plan
