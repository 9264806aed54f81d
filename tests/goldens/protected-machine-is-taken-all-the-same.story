# Protection holds for decisions. What the provider takes is drained and replaced.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x2
protect aws/east/e1/small/spot x2
queue waiting 20
notice aws/east/e1/small/spot x1 in 2m
plan
| repair: target 2 (queue: need 2; first), held 1, $0.0540/h -> $0.0540/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0270/h: of 2 spot 1 lacks
|     not aws/east/e2/small/spot $0.0310: worse
|   drain m01 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
holds
| aws/east/e1/small/spot x1 noticed
| aws/east/e1/small/spot x1 protected
| aws/east/e1/small/spot x1 starting
