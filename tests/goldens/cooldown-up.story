# After a raise there is none for a minute, whatever comes; then it goes on.
fleet cooldown-up 60s
offer aws/east/e1/small/spot price 0.031
queue waiting 50
plan
ready
at 10s queue waiting 60
plan
ready
at 30s queue waiting 90
plan
at 1m10s plan
