# A broken image: six machines are launched, and none runs in time. The fleet halts. When the failures are an hour
# old it tries with three at a time, and launches freely again once one of them runs.
fleet ready-within 10m halt-above 50%
offer aws/east/e1/small/spot price 0.027
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.1620/h
|   launch 6 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1620/h: of 6 spot 6 lacks
at 10m plan
| repair: target 6 (queue: need 6), held 6, $0.1620/h -> $0.0000/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m02 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m03 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m04 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m05 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m06 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
at 12m plan
| shrink: target 6 (queue: need 6), held 0, $0.0000/h -> $0.0000/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e1/small/spot, drained: its drain time is over
|   end m06 in aws/east/e1/small/spot, drained: its drain time is over
|   HALTED: 6 of 6 launches of an hour never ran; tried again in 58m, or by `resume`
|   again in 58m
at 30m plan
| rest: target 6 (queue: need 6), held 0, $0.0000/h
|   HALTED: 6 of 6 launches of an hour never ran; tried again in 40m, or by `resume`
|   again in 40m
at 70m plan
| grow: target 6 (queue: need 6), held 0, $0.0000/h -> $0.0810/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 6 spot 6 lacks
|   waits with 3 machines: on trial until a launched one runs
at 71m plan
| rest: target 6 (queue: need 6), held 3, $0.0810/h
|   waits with 3 machines: on trial until a launched one runs
|   again in 9m
ready
at 72m plan
| grow: target 6 (queue: need 6), held 3, $0.0810/h -> $0.1620/h
|   launch 3 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.0810/h: of 6 spot 3 lacks
