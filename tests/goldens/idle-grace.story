# Capacity that was needed within the last 15 minutes stays: the need fell at 10m, the machines go at 25m.
fleet idle-grace 15m drain-timeout 1m
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
ready
at 30s run to 10m every 30s
queue waiting 20
run to 28m every 30s
