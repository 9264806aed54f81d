# A launch without a known outcome counts as present: its machines are not launched a second time.
offer aws/east/e1/small/spot price 0.031
promised aws/east/e1/small/spot x4
queue waiting 60
plan
