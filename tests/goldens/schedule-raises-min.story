# Before work begins the queue alone decides; at eight the schedule's minimum is there at once, whatever the cooldown.
fleet min 1 cooldown-up 1h
schedule office from 0 8 * * mon-fri until 0 19 * * mon-fri min 5
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 20
plan
ready
on 2024-01-01 07:59
plan
on 2024-01-01 08:00
plan
# A need above it is not held down.
queue waiting 80
on 2024-01-01 10:00
plan
