# Without return to spot the bridge stays, also when spot has room again.
fleet base 1 fallback 5m return no
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
ready aws/east/e1/small/on-demand
refuse aws/east/e1/small/spot quota
at 5m plan
ready
at 30m plan
