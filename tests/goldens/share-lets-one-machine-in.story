# A share that is smaller than a machine still lets one machine in, else large types could never be bought.
fleet unit gpu share pool 20%
offer aws/east/e1/eight/spot price 2.400 gpus 8
offer aws/east/e2/eight/spot price 2.500 gpus 8
queue waiting 160
plan
