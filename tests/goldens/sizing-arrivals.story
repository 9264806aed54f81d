# Jobs that arrive need units as well as those that wait: 600 an hour are ten units, 30 waiting are three more.
fleet rate 60 drain-within 10m
offer aws/east/e1/small/spot price 0.031
queue waiting 30 arriving 600
plan
