# The operator protects two machines: others go before them, and they stay above the target.
offer aws/east/e1/small/spot price 0.027
offer aws/east/e2/small/spot price 0.031
running aws/east/e1/small/spot x2
running aws/east/e2/small/spot x3
protect aws/east/e2/small/spot x2
queue waiting 50
plan
| rest: target 5 (queue: need 5; first), held 5, $0.1470/h
queue waiting 0
fixpoint
| at 0s:
| shrink: target 0 (queue: need 0; was 5), held 5, $0.1470/h -> $0.0620/h
|   drain m03 in aws/east/e2/small/spot, end in 2m, surplus, -$0.0310/h: 5 is held for a target of 0
|   drain m01 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 5 is held for a target of 0
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0270/h: 5 is held for a target of 0
| at 2m:
| shrink: target 0 (queue: need 0), held 2, $0.0620/h -> $0.0620/h
|   end m01 in aws/east/e1/small/spot, drained: its drain time is over
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e2/small/spot, drained: its drain time is over
| at rest at 2m: target 0, on-demand 0, spot 2
holds
| aws/east/e2/small/spot x2 protected
