# At night no more than two, however long the queue; in the morning it grows again.
fleet max 20
schedule night from 0 22 * * * until 0 6 * * * max 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 50
on 2024-01-01 21:00
plan
ready
on 2024-01-01 22:00
plan
on 2024-01-01 22:02
fixpoint
on 2024-01-02 06:00
plan
