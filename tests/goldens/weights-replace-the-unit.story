# The operator measured that a large machine does the work of two and a half small ones.
fleet weight small 1 weight large 2.5
offer aws/east/e1/small/spot price 0.031
offer aws/east/e1/large/spot price 0.070
queue waiting 100
plan
