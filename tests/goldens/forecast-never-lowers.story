# The forecast says little; what waits now counts.
fleet forecast 1h quantile 90%
offer aws/east/e1/small/spot price 0.031
history 14d need 2
queue waiting 100
plan
