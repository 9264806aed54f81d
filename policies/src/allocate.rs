//! From a target to machines per pool: base, spot spread, caps, shares, bridge.
