# The provider takes two machines in two minutes: first their replacement is launched, then they are let go.
fleet min-pools 2
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x3
running aws/east/e2/small/spot x3
queue waiting 60
plan
| rest: target 6 (queue: need 6; first), held 6, $0.1740/h
at 5m notice aws/east/e1/small/spot x2 in 2m
plan
| repair: target 6 (queue: need 6), held 4, $0.1740/h -> $0.1740/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0540/h: of 6 spot 2 lacks
|     not aws/east/e2/small/spot $0.0310: worse
|   drain m01 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
|   drain m02 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0270/h: the provider takes it in 2m
at 7m plan
| rest: target 6 (queue: need 6), held 6, $0.1740/h
fixpoint
| at rest at 7m: target 6, on-demand 0, spot 6
