# One call launches at most ten machines here: 25 are three calls.
offer aws/east/e1/small/spot price 0.031
lane aws/east batch 10
queue waiting 250
plan
