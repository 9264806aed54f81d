//! Clouds that differ as the real ones do: by their numbers.

use policies::model::Capabilities;
use policies::units::Span;

/// As EC2: tokens that hold for a day, large batches, two minutes of notice, seconds billed from one minute on.
#[must_use]
pub const fn aws_like() -> Capabilities {
    Capabilities {
        token_lifetime: Some(Span::from_hours(24)),
        visibility_lag: Span::from_secs(10),
        call_deadline: Span::from_secs(30),
        notice_lead: Span::from_secs(120),
        launch_batch: 100,
        terminate_batch: 500,
        billing_step: Span::from_secs(1),
        billing_minimum: Span::from_secs(60),
        free_if_taken_within: Span::ZERO,
    }
}

/// As Compute Engine: tokens that hold for an hour, smaller batches, 30 seconds of notice.
#[must_use]
pub const fn gcp_like() -> Capabilities {
    Capabilities {
        token_lifetime: Some(Span::from_hours(1)),
        visibility_lag: Span::from_secs(5),
        call_deadline: Span::from_secs(20),
        notice_lead: Span::from_secs(30),
        launch_batch: 20,
        terminate_batch: 1,
        billing_step: Span::from_secs(1),
        billing_minimum: Span::from_secs(60),
        free_if_taken_within: Span::ZERO,
    }
}

/// As a cloud without tokens that shows what it made late: what a lost reply hides must be found by looking.
#[must_use]
pub const fn azure_like() -> Capabilities {
    Capabilities {
        token_lifetime: None,
        visibility_lag: Span::from_secs(20),
        call_deadline: Span::from_secs(30),
        notice_lead: Span::from_secs(30),
        launch_batch: 10,
        terminate_batch: 10,
        billing_step: Span::from_secs(1),
        billing_minimum: Span::ZERO,
        free_if_taken_within: Span::ZERO,
    }
}

/// As PPIO: no tokens, one machine a call, an hour of notice, whole hours billed.
#[must_use]
pub const fn ppio_like() -> Capabilities {
    Capabilities {
        token_lifetime: None,
        visibility_lag: Span::from_secs(30),
        call_deadline: Span::from_secs(30),
        notice_lead: Span::from_hours(1),
        launch_batch: 1,
        terminate_batch: 1,
        billing_step: Span::from_hours(1),
        billing_minimum: Span::from_hours(1),
        free_if_taken_within: Span::ZERO,
    }
}
