# With a day of history there is no forecast yet, and the queue decides alone.
fleet forecast 1h quantile 90%
offer aws/east/e1/small/spot price 0.031
history 1d need 30
queue waiting 50
plan
