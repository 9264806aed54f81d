# A dip to nothing takes the spot machines and leaves the base, down to which the minimum reaches.
fleet min 2 base 2
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.027
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.3080/h
|   launch 2 x aws/east/e1/small/on-demand of 1 at $0.1000 per unit for base, +$0.2000/h: the on-demand base of 2 lacks 2
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
ready
at 5m queue waiting 0
fixpoint
| at 5m:
| shrink: target 2 (queue: need 0; min; was 6), held 6 (2 on-demand), $0.3080/h -> $0.2000/h
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 2
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 2
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 2
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 6 is held for a target of 2
| at 7m:
| shrink: target 2 (queue: need 0; min), held 2 (2 on-demand), $0.2000/h -> $0.2000/h
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e1/small/spot, drained: its drain time is over
|   end m06 in aws/east/e1/small/spot, drained: its drain time is over
| at rest at 7m: target 2, on-demand 2, spot 0
holds
| aws/east/e1/small/on-demand x2 running
