# One lowering takes at most a fifth of the target, and each waits for its cooldown.
fleet step-down 20% cooldown-down 5m drain-timeout 1m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x10
queue waiting 100
plan
at 10m queue waiting 0
run to 22m every 1m
