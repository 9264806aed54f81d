# When it ends, the target falls by the rules of lowering: not before the idle grace, and machines drain.
fleet min 1 idle-grace 15m cooldown-down 5m drain-timeout 2m
schedule office from 0 8 * * mon-fri until 0 19 * * mon-fri min 4
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 10
on 2024-01-01 18:00
plan
| grow: target 4 (queue: need 1; min of schedule office, ends in 1h; first), held 0, $0.0000/h -> $0.1240/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.1240/h: of 4 spot 4 lacks
|   again in 1h
ready
run to 18h59m every 1m
on 2024-01-01 19:00
plan
| rest: target 4 (queue: need 1; idle grace, may fall in 15m), held 4, $0.1240/h
|   again in 15m
run to 19h30m every 1m
| at 19h15m:
| shrink: target 1 (queue: need 1; was 4), held 4, $0.1240/h -> $0.0310/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 1
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 1
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 4 is held for a target of 1
|   again in 12h45m
| at 19h17m:
| shrink: target 1 (queue: need 1), held 1, $0.0310/h -> $0.0310/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   again in 12h43m
# No work begins on Saturday; on Monday it does.
on 2024-01-06 12:00
dry-plan
| rest: target 1 (queue: need 1), held 1, $0.0310/h
|   again in 1d20h
on 2024-01-08 08:00
dry-plan
| grow: target 4 (queue: need 1; min of schedule office, ends in 11h; was 1), held 1, $0.0310/h -> $0.1240/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.0930/h: of 4 spot 3 lacks
|   again in 11h
