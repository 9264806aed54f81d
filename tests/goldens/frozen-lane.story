# A lane that is not seen: nothing is launched there, nothing is ended there, others cover what is missing.
fleet share region 60%
offer aws/east/e1/small/spot price 0.027
offer gcp/west/w1/small/spot price 0.045
running aws/east/e1/small/spot x4
running gcp/west/w1/small/spot x2
queue waiting 60
plan
at 1m unsee aws/east
queue waiting 80
plan
ready
at 10m queue waiting 20
plan
at 20m see aws/east
plan
