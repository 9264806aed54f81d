# Six in three regions: four are left when any of them is lost, and nothing is bought besides.
fleet min 4 survive region strategy diversified
offer aws/east/e1/small/spot price 0.030
offer aws/west/w1/small/spot price 0.040
offer gcp/north/n1/small/spot price 0.050
queue waiting 60
plan
| grow: target 6 (queue: need 6; first), held 0, $0.0000/h -> $0.2400/h
|   launch 2 x aws/east/e1/small/spot of 1 at $0.0300 per unit for spot, +$0.0600/h: of 6 spot 6 lacks
|   launch 2 x aws/west/w1/small/spot of 1 at $0.0400 per unit for spot, +$0.0800/h: of 6 spot 6 lacks
|   launch 2 x gcp/north/n1/small/spot of 1 at $0.0500 per unit for spot, +$0.1000/h: of 6 spot 6 lacks
