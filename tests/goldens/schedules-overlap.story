# The highest minimum of those that are on holds, and the report says whose it is.
schedule day from 0 8 * * * until 0 20 * * * min 2
schedule monday from 0 10 * * mon lasts 3h min 4
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 0
on 2024-01-01 08:00
plan
ready
on 2024-01-01 10:00
plan
ready
on 2024-01-01 13:00
plan
on 2024-01-02 10:00
plan
