# What the operator orders stands for the schedules too: a minimum below theirs, and one above their maximum.
fleet max 20
schedule office from 0 8 * * * until 0 19 * * * min 6
schedule evening from 0 19 * * * until 0 23 * * * max 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-01-01 09:00
order min 2
plan
order min lifted
plan
ready
order max 4
plan
on 2024-01-01 09:02
plan
order max lifted
on 2024-01-01 19:00
plan
order min 5
plan
