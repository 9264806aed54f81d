# Spot has no room. After five minutes on-demand bridges what is missing. Once spot has room again it is bought, and
# the bridge goes when the replacement runs.
fleet base 1 fallback 5m
offer aws/east/e1/small/on-demand price 0.100
offer aws/east/e1/small/spot price 0.031
queue waiting 40
plan
ready aws/east/e1/small/on-demand
refuse aws/east/e1/small/spot no-capacity
at 1m plan
at 4m plan
refuse aws/east/e1/small/spot no-capacity
at 5m plan
ready
at 6m plan
at 10m plan
at 11m plan
ready
at 12m plan
fixpoint
holds
