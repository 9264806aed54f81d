# The memory is durable: planning again at the same moment does nothing, within its cooldown neither.
fleet cooldown-up 5m step-up 50%
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
plan
ready
at 1m queue waiting 60
plan
at 2m plan
