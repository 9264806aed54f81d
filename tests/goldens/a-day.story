# A working day in short: the base over night, spot in the morning, an interruption at noon, all of it gone at night.
fleet min 2 max 30 base 2 headroom 10% min-pools 3 cap 70%
fleet cooldown-up 1m step-up 100% cooldown-down 10m step-down 50% idle-grace 15m drain-timeout 5m
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.033
offer gcp/west/w1/small/on-demand price 0.095
offer gcp/west/w1/small/spot price 0.035
queue waiting 0
plan
ready
at 8h queue waiting 90 in-flight 10
plan
ready
run to 8h10m every 1m
ready
at 12h notice aws/east/e1/small/spot x3 in 2m
plan
ready
run to 12h5m every 1m
ready
at 20h queue waiting 0
fixpoint
holds
