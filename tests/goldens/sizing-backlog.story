# A backlog of 100 jobs, each unit doing 60 an hour, to be worked off in ten minutes: ten units.
fleet rate 60 drain-within 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
