# Machines die as soon as they run, and are replaced again and again. The limit of launches in an hour ends that: the
# fleet waits until the first ones are an hour old.
fleet launches-per-hour 6
offer aws/east/e1/small/spot price 0.027
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1080/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
ready
at 1m lose aws/east/e1/small/spot x4
plan
| grow: target 4 (queue: need 4), held 0, $0.0000/h -> $0.0540/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 4 spot 4 lacks
|   waits with 2 machines: 6 launches an hour is the limit, more in 59m
|   again in 59m
ready
at 2m lose aws/east/e1/small/spot x2
plan
| rest: target 4 (queue: need 4), held 0, $0.0000/h
|   waits with 4 machines: 6 launches an hour is the limit, more in 58m
|   again in 58m
at 30m plan
| rest: target 4 (queue: need 4), held 0, $0.0000/h
|   waits with 4 machines: 6 launches an hour is the limit, more in 30m
|   again in 30m
at 60m plan
| grow: target 4 (queue: need 4), held 0, $0.0000/h -> $0.1080/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
