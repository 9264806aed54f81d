# Who is idle goes first, then who nobody tells of, and who is busy last; only among those of the same word does price tell.
offer aws/east/e1/small/spot price 0.031
offer aws/east/e2/small/spot price 0.027
offer aws/east/e1/small/on-demand price 0.100
fleet base 1
running aws/east/e1/small/on-demand x1
running aws/east/e1/small/spot x3
running aws/east/e2/small/spot x3
busy aws/east/e1/small/spot x2
idle aws/east/e2/small/spot x1
queue waiting 70
plan
| rest: target 7 (queue: need 7; first), held 7 (1 on-demand), $0.2740/h
queue waiting 50
plan
| shrink: target 5 (queue: need 5; was 7), held 7 (1 on-demand), $0.2740/h -> $0.2160/h
|   drain m07 in aws/east/e2/small/spot, end in 2m, surplus, -$0.0270/h: 7 is held for a target of 5
|     not aws/east/e2/small/spot $0.0270: worse
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m02 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 7 is held for a target of 5
# The base stays, though it is idle.
idle aws/east/e1/small/on-demand x1
queue waiting 20
fixpoint
| at 0s:
| shrink: target 2 (queue: need 2; was 5), held 5 (1 on-demand), $0.2160/h -> $0.1310/h
|   drain m05 in aws/east/e2/small/spot, end in 2m, surplus, -$0.0270/h: 5 is held for a target of 2
|     not aws/east/e1/small/spot $0.0310: worse
|   drain m06 in aws/east/e2/small/spot, end in 2m, surplus, -$0.0270/h: 5 is held for a target of 2
|   drain m03 in aws/east/e1/small/spot, end in 2m, surplus, -$0.0310/h: 5 is held for a target of 2
|   2 draining, the first ends in 2m
|   again in 2m
| at 2m:
| shrink: target 2 (queue: need 2), held 2 (1 on-demand), $0.1310/h -> $0.1310/h
|   end m02 in aws/east/e1/small/spot, drained: its drain time is over
|   end m03 in aws/east/e1/small/spot, drained: its drain time is over
|   end m05 in aws/east/e2/small/spot, drained: its drain time is over
|   end m06 in aws/east/e2/small/spot, drained: its drain time is over
|   end m07 in aws/east/e2/small/spot, drained: its drain time is over
| at rest at 2m: target 2, on-demand 1, spot 1
holds
| aws/east/e1/small/spot x1 running
| aws/east/e1/small/on-demand x1 running
