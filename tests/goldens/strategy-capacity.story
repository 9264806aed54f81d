# Where launches did not fail, whatever it costs within the caps.
fleet strategy capacity
offer aws/east/e1/small/spot price 0.010
offer aws/east/e2/small/spot price 0.090
refuse aws/east/e1/small/spot no-capacity
at 30m queue waiting 40
plan
| grow: target 4 (queue: need 4; first), held 0, $0.0000/h -> $0.3600/h
|   launch 4 x aws/east/e2/small/spot of 1 at $0.0900 per unit for spot, +$0.3600/h: of 4 spot 4 lacks
|     not aws/east/e1/small/spot $0.0100: the last launch there failed
