# A working day in short: the base over night, spot in steps in the morning, an interruption at noon, and at night all
# spot gone, in steps again, dearest first.
fleet min 2 max 30 base 2 headroom 10% min-pools 3 cap 70%
fleet cooldown-up 1m step-up 100% cooldown-down 10m step-down 50% idle-grace 15m drain-timeout 5m
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.033
offer gcp/west/w1/small/on-demand price 0.095
offer gcp/west/w1/small/spot price 0.035
queue waiting 0
plan
| grow: target 2 (queue: need 0; min; first), held 0, $0.0000/h -> $0.1900/h
|   launch 2 x gcp/west/w1/small/on-demand of 1 at $0.0950 per unit for base, +$0.1900/h: the on-demand base of 2 lacks 2
|     not aws/east/e1/small/on-demand $0.1000: worse
ready
at 8h queue waiting 90 in-flight 10
plan
| grow: target 4 (queue: need 10; headroom 10%; one step up; was 2), held 2 (2 on-demand), $0.1900/h -> $0.2540/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 2 spot 2 lacks
|     not gcp/west/w1/small/spot $0.0350: worse
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0330 per unit for spot, +$0.0330/h: of 2 spot 2 lacks
|   again in 1m
ready
run to 8h10m every 1m
| at 8h1m:
| grow: target 8 (queue: need 10; headroom 10%; one step up; was 4), held 4 (2 on-demand), $0.2540/h -> $0.3880/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 6 spot 4 lacks
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0330 per unit for spot, +$0.0330/h: of 6 spot 4 lacks
|   launch 2 x gcp/west/w1/small/spot of 1 at $0.0350 per unit for spot, +$0.0700/h: of 6 spot 4 lacks
|   again in 1m
| at 8h2m:
| grow: target 11 (queue: need 10; headroom 10%; was 8), held 8 (2 on-demand), $0.3880/h -> $0.4870/h
|   launch 1 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0310/h: of 9 spot 3 lacks
|   launch 1 x aws/east/e2/small/spot of 1 at $0.0330 per unit for spot, +$0.0330/h: of 9 spot 3 lacks
|   launch 1 x gcp/west/w1/small/spot of 1 at $0.0350 per unit for spot, +$0.0350/h: of 9 spot 3 lacks
ready
at 12h notice aws/east/e1/small/spot x3 in 2m
plan
| repair: target 11 (queue: need 10; headroom 10%), held 8 (2 on-demand), $0.4870/h -> $0.4870/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 9 spot 3 lacks
|     not aws/east/e2/small/spot $0.0330: worse
|     not gcp/west/w1/small/spot $0.0350: worse
|   drain m03 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0310/h: the provider takes it in 2m
|   drain m05 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0310/h: the provider takes it in 2m
|   drain m09 in aws/east/e1/small/spot, end in 2m, interruption, -$0.0310/h: the provider takes it in 2m
ready
run to 12h5m every 1m
ready
at 20h queue waiting 0
fixpoint
| at 20h15m:
| shrink: target 6 (queue: need 0; min; one step down; was 11), held 11 (2 on-demand), $0.4870/h -> $0.3160/h
|   drain m11 in gcp/west/w1/small/spot, end in 5m, surplus, -$0.0350/h: 11 is held for a target of 6
|     not aws/east/e2/small/spot $0.0330: worse
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m07 in gcp/west/w1/small/spot, end in 5m, surplus, -$0.0350/h: 11 is held for a target of 6
|   drain m08 in gcp/west/w1/small/spot, end in 5m, surplus, -$0.0350/h: 11 is held for a target of 6
|   drain m10 in aws/east/e2/small/spot, end in 5m, surplus, -$0.0330/h: 11 is held for a target of 6
|   drain m06 in aws/east/e2/small/spot, end in 5m, surplus, -$0.0330/h: 11 is held for a target of 6
|   again in 10m
| at 20h20m:
| shrink: target 6 (queue: need 0; min; may fall in 5m), held 6 (2 on-demand), $0.3160/h -> $0.3160/h
|   end m06 in aws/east/e2/small/spot, drained: its drain time is over
|   end m10 in aws/east/e2/small/spot, drained: its drain time is over
|   end m07 in gcp/west/w1/small/spot, drained: its drain time is over
|   end m08 in gcp/west/w1/small/spot, drained: its drain time is over
|   end m11 in gcp/west/w1/small/spot, drained: its drain time is over
|   again in 5m
| at 20h25m:
| shrink: target 3 (queue: need 0; min; one step down; was 6), held 6 (2 on-demand), $0.3160/h -> $0.2210/h
|   drain m04 in aws/east/e2/small/spot, end in 5m, surplus, -$0.0330/h: 6 is held for a target of 3
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m12 in aws/east/e1/small/spot, end in 5m, surplus, -$0.0310/h: 6 is held for a target of 3
|   drain m13 in aws/east/e1/small/spot, end in 5m, surplus, -$0.0310/h: 6 is held for a target of 3
|   again in 10m
| at 20h30m:
| shrink: target 3 (queue: need 0; min; may fall in 5m), held 3 (2 on-demand), $0.2210/h -> $0.2210/h
|   end m12 in aws/east/e1/small/spot, drained: its drain time is over
|   end m13 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e2/small/spot, drained: its drain time is over
|   again in 5m
| at 20h35m:
| shrink: target 2 (queue: need 0; min; was 3), held 3 (2 on-demand), $0.2210/h -> $0.1900/h
|   drain m14 in aws/east/e1/small/spot, end in 5m, surplus, -$0.0310/h: 3 is held for a target of 2
| at 20h40m:
| shrink: target 2 (queue: need 0; min), held 2 (2 on-demand), $0.1900/h -> $0.1900/h
|   end m14 in aws/east/e1/small/spot, drained: its drain time is over
| at rest at 20h40m: target 2, on-demand 2, spot 0
holds
| gcp/west/w1/small/on-demand x2 running
