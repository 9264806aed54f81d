# When it ends, the target falls by the rules of lowering: not before the idle grace, and machines drain.
fleet min 1 idle-grace 15m cooldown-down 5m drain-timeout 2m
schedule office from 0 8 * * mon-fri until 0 19 * * mon-fri min 4
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 10
on 2024-01-01 18:00
plan
ready
run to 18h59m every 1m
on 2024-01-01 19:00
plan
run to 19h30m every 1m
# No work begins on Saturday; on Monday it does.
on 2024-01-06 12:00
dry-plan
on 2024-01-08 08:00
dry-plan
