# Without a rate one unit works while jobs wait, until five jobs are done; then the need is told by what it did.
fleet rate learned drain-within 1h
offer aws/east/e1/small/spot price 0.030
queue waiting 100 arriving 60
plan
| grow: target 1 (pace not learned yet: hold 1; first), held 0, $0.0000/h -> $0.0300/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0300/h: of 1 spot 1 lacks
ready
run to 10m every 1m
| at 6m:
| grow: target 3 (queue: need 3; was 1), held 1, $0.0300/h -> $0.0900/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0600/h: of 3 spot 2 lacks
