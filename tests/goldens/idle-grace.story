# Capacity that was needed within the last 15 minutes stays. The first reading that needs less is at 10m30s, so the
# machines go at 25m30s.
fleet idle-grace 15m drain-timeout 1m
offer aws/east/e1/small/spot price 0.031
queue waiting 80
plan
| grow: target 8 (queue: need 8; first), held 0, $0.0000/h -> $0.2480/h
|   launch 8 x aws/east/e1/small/spot of 1 at $0.0310 per unit for spot, +$0.2480/h: of 8 spot 8 lacks
ready
at 30s run to 10m every 30s
queue waiting 20
run to 28m every 30s
| at 25m30s:
| shrink: target 2 (queue: need 2; was 8), held 8, $0.2480/h -> $0.0620/h
|   drain m01 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m04 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m05 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 2
|   drain m06 in aws/east/e1/small/spot, end in 1m, surplus, -$0.0310/h: 8 is held for a target of 2
| at 26m30s:
| shrink: target 2 (queue: need 2), held 2, $0.0620/h -> $0.0620/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e1/small/spot, drained: its drain time is over
|   end m06 in aws/east/e1/small/spot, drained: its drain time is over
