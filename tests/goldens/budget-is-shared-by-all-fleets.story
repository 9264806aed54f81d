# The other fleets cost 0.09 an hour of a common budget of 0.10: there is no room for a second machine, and the first is
# needed by the minimum.
fleet min 1
offer aws/east/e1/small/spot price 0.027
budget hour 0.10 freeze common others 0.09
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.0270/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 3 spot 3 lacks
|   waits with 2 machines: the common budget of an hour is used up
|   the common budget of an hour: $0.09 of $0.10, near its end
