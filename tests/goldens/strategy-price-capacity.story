# By price, where each failure in a row makes a pool a quarter dearer: e1 is cheapest and failed twice lately, so e2 is bought.
fleet
offer aws/east/e1/small/spot price 0.030
offer aws/east/e2/small/spot price 0.040
refuse aws/east/e1/small/spot no-capacity
at 10m refuse aws/east/e1/small/spot no-capacity
at 30m queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.1600/h
|   launch 4 x aws/east/e2/small/spot of 1 at $0.0400 per unit for spot, +$0.1600/h: of 4 spot 4 lacks
|     not aws/east/e1/small/spot $0.0300: the last 2 launches there failed
