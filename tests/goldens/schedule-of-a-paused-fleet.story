# The target is told, and nothing is done until the pause ends.
schedule office from 0 8 * * * until 0 19 * * * min 3
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
pause
on 2024-01-01 08:00
plan
resume
plan
