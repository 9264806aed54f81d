# The maximum wins over every schedule's minimum: that of the fleet, and the lowest of those that are on.
fleet max 6
schedule rush from 0 8 * * * until 0 20 * * * min 10
schedule lunch from 0 12 * * * until 0 13 * * * max 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-01-01 08:00
plan
ready
on 2024-01-01 12:00
plan
on 2024-01-01 12:02
plan
on 2024-01-01 13:00
plan
