# The cooldown of lowering runs from the last change either way: a raise at 2m holds a lowering back until 12m.
fleet cooldown-down 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
at 2m queue waiting 80
plan
ready
at 4m queue waiting 20
plan
at 11m59s plan
at 12m plan
