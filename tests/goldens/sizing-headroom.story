# Headroom is added to the need: ten units and 25 % are 12.5, which take 13 machines.
fleet headroom 25%
offer aws/east/e1/small/spot price 0.031
queue waiting 100
plan
| grow: target 13 (queue: need 10; headroom 25%; first), held 0, $0.0000/h -> $0.4030/h
|   launch 10 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.3100/h: of 13 spot 13 lacks
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 13 spot 13 lacks
