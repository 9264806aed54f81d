# Nothing waits, and the minimum stays.
fleet min 3
offer aws/east/e1/small/spot price 0.031
queue waiting 0
plan
fixpoint
