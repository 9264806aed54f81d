# The operator has mended the image and resumes the halted fleet: it launches what it lacks at once.
fleet ready-within 10m halt-above 50%
offer aws/east/e1/small/spot price 0.027
queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1080/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
at 10m plan
| repair: target 4 (queue: need 4), held 4, $0.1080/h -> $0.0000/h
|   drain m01 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m02 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m03 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
|   drain m04 in aws/east/e1/small/spot, end in 2m, never-ready, -$0.0270/h: it does not run 10m after its launch
at 12m plan
| shrink: target 4 (queue: need 4), held 0, $0.0000/h -> $0.0000/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m04 in aws/east/e1/small/spot, drained: its drain time is over
|   HALTED: 4 of 4 launches of an hour never ran; tried again in 58m, or by `resume`
|   again in 58m
at 20m resume
plan
| grow: target 4 (queue: need 4), held 0, $0.0000/h -> $0.1080/h
|   launch 4 x aws/east/e1/small/spot of 1 at $0.0270 per unit for spot, +$0.1080/h: of 4 spot 4 lacks
