# A lost machine is replaced within the cooldown of a raise: that is no raise.
fleet cooldown-up 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 20
plan
ready
at 1m queue waiting 50
plan
ready
at 2m lose aws/east/e1/small/spot x2
plan
