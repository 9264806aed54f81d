# A need that comes back within the grace finds its machines: nothing was ended, nothing is launched.
fleet idle-grace 15m
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
ready
run to 20m every 1m
queue waiting 20
run to 30m every 1m
queue waiting 80
run to 40m every 1m
dry-plan
