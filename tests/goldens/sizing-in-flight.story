# Jobs that workers hold are not finished: they count as the waiting ones do, so no worker is taken from its job.
offer aws/east/e1/small/spot price 0.031
running aws/east/e1/small/spot x5
queue waiting 0 in-flight 50
plan
| rest: target 5 (queue: need 5; first), held 5, $0.1550/h
