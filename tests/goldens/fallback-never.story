# Without a fallback time nothing is bridged: what spot does not give is missing, and the plan says so.
fleet base 1
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
ready aws/east/e1/small/on-demand
refuse aws/east/e1/small/spot quota
at 5m plan
