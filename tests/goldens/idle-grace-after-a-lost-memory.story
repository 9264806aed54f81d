# With its memory lost the daemon does not know what was needed lately: what runs stays until the need was watched
# for the whole grace.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
ready
at 30m forget
queue waiting 20
plan
run to 46m every 1m
