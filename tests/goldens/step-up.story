# One raise adds at most half of the target; the next goes on from there once its cooldown is over.
fleet step-up 50% cooldown-up 60s
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
ready
at 1m queue waiting 400
plan
ready
run to 3m every 30s
