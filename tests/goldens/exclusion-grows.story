# A pool without room is passed over for three minutes, then six, then twelve; one success and it starts anew.
fleet share pool 50%
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
queue waiting 40
plan
ready aws/east/e2/small/spot
refuse aws/east/e1/small/spot no-capacity
at 1m plan
at 3m plan
refuse aws/east/e1/small/spot no-capacity
at 8m plan
at 9m plan
refuse aws/east/e1/small/spot no-capacity
at 20m plan
at 21m plan
ready
lose aws/east/e1/small/spot x1
plan
refuse aws/east/e1/small/spot no-capacity
at 23m plan
at 24m plan
