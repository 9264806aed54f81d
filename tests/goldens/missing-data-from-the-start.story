# A source that never answered says nothing: the fleet starts at its minimum, and nothing that runs is ended for it.
fleet min 2 hold 15m
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x5
queue missing
plan
at 1h plan
