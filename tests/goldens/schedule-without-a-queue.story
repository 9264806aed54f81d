# A fleet without a queue holds its minimum, and that is the schedule's while it is on.
fleet no-queue min 1
schedule office from 0 8 * * * lasts 2h min 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
plan
on 2024-01-01 08:00
plan
ready
on 2024-01-01 10:00
plan
