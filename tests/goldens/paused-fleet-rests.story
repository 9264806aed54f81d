# The operator has paused the fleet: its target is told, nothing is launched, replaced or let go. It acts when the
# pause ends.
offer aws/east/e1/small/spot price 0.027
running aws/east/e1/small/spot x4
queue waiting 80
pause
plan
| rest: target 8 (queue: need 8; first), held 4, $0.1080/h
|   paused by the operator: nothing is launched or let go
notice aws/east/e1/small/spot x1 in 2m
at 1m plan
| rest: target 8 (queue: need 8), held 3, $0.1080/h
|   paused by the operator: nothing is launched or let go
resume
plan
| repair: target 8 (queue: need 8), held 3, $0.1080/h -> $0.2160/h
|   launch 5 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1350/h: of 8 spot 5 lacks
|   drain m01 in aws/east/e1/small/spot, end in 1m, interruption, -$0.0270/h: the provider takes it in 1m
at 2m queue waiting 0
pause
at 3h plan
| rest: target 0 (queue: need 0; was 8), held 8, $0.2160/h
|   paused by the operator: nothing is launched or let go
resume
fixpoint
| at 3h:
| shrink: target 0 (queue: need 0), held 8, $0.2160/h -> $0.0000/h
|   drain m05 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m06 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m07 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m08 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m09 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
|   drain m04 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 8 is held for a target of 0
| at 3h2m:
| shrink: target 0 (queue: need 0), held 0, $0.0000/h -> $0.0000/h
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e1/small/spot, drained: its drain time is over
|   end m06 in aws/east/e1/small/spot, drained: its drain time is over
|   end m07 in aws/east/e1/small/spot, drained: its drain time is over
|   end m08 in aws/east/e1/small/spot, drained: its drain time is over
|   end m09 in aws/east/e1/small/spot, drained: its drain time is over
| at rest at 3h2m: target 0, on-demand 0, spot 0
holds
| nothing
