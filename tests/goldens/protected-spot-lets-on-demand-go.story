# Spot goes before on-demand above the base. Where all spot is protected, on-demand may go; the base stays.
fleet min 1 base 1 return no
offer aws/east/e1/small/spot price 0.027
offer aws/east/e1/small/on-demand price 0.100
running aws/east/e1/small/on-demand x3
running aws/east/e1/small/spot x1
protect aws/east/e1/small/spot x1
queue waiting 40
plan
| rest: target 4 (queue: need 4; first), held 4 (3 on-demand), $0.3270/h
queue waiting 0
fixpoint
| at 0s:
| shrink: target 1 (queue: need 0; min; was 4), held 4 (3 on-demand), $0.3270/h -> $0.1270/h
|   drain m02 in aws/east/e1/small/on-demand, end in 2m, surplus, -$0.1000/h: 4 is held for a target of 1
|   drain m03 in aws/east/e1/small/on-demand, end in 2m, surplus, -$0.1000/h: 4 is held for a target of 1
| at 2m:
| shrink: target 1 (queue: need 0; min), held 2 (1 on-demand), $0.1270/h -> $0.1270/h
|   end m02 in aws/east/e1/small/on-demand, drained: its drain time is over
|   end m03 in aws/east/e1/small/on-demand, drained: its drain time is over
| at rest at 2m: target 1, on-demand 1, spot 1
holds
| aws/east/e1/small/spot x1 protected
| aws/east/e1/small/on-demand x1 running
