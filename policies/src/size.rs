//! From demand to a target: need, headroom, bounds, steps, cooldowns, idle grace.
