# A share that is smaller than a machine still lets one machine in, else large types could never be bought.
fleet unit gpu share pool 20%
offer aws/east/e1/eight/spot price 2.400 gpus 8
offer aws/east/e2/eight/spot price 2.500 gpus 8
queue waiting 160
plan
| grow: target 16 (queue: need 16; first), held 0, $0.0000/h -> $4.9000/h
|   launch 1 x aws/east/e1/eight/spot of 8 at $0.3000 per unit for spot, +$2.4000/h: of 16 spot 16 lacks
|   launch 1 x aws/east/e2/eight/spot of 8 at $0.3125 per unit for spot, +$2.5000/h: of 16 spot 16 lacks
