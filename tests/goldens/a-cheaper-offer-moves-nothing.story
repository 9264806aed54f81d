# Another pool becomes cheaper: what runs stays. Moving for price alone is not done here.
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.040
queue waiting 30
plan
| grow: target 3 (queue: need 3; first), held 0, $0.0000/h -> $0.0930/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 3 spot 3 lacks
|     not aws/east/e2/small/spot $0.0400: worse
ready
at 10m offer aws/east/e2/small/spot price 0.010
plan
| rest: target 3 (queue: need 3), held 3, $0.0930/h
