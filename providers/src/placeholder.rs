//! Placeholders in the texts that a machine starts with: user data, startup scripts, container commands. Each stands
//! for what only the daemon knows. Other braces are left alone: scripts and templates of other tools are full of them.

use std::collections::BTreeSet;

/// How each begins.
const BEGIN: &str = "{{spotfleet.";
const END: &str = "}}";

/// What a placeholder stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Placeholder {
    /// Name of the fleet.
    Fleet,
    /// URL of the daemon's HTTP API, as machines reach it.
    Url,
    /// The pool: `provider/region/zone/type/market`.
    Pool,
    /// Token of the launch, as in the tag `spotfleet:intent`. Machines of one launch share it.
    Token,
}

impl Placeholder {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fleet, Self::Url, Self::Pool, Self::Token];

    /// As it is written.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Fleet => "{{spotfleet.fleet}}",
            Self::Url => "{{spotfleet.url}}",
            Self::Pool => "{{spotfleet.pool}}",
            Self::Token => "{{spotfleet.token}}",
        }
    }

    /// It is another one for each launch, so that a text with it cannot be kept in a template of the cloud.
    #[must_use]
    pub const fn is_of_the_launch(self) -> bool {
        matches!(self, Self::Pool | Self::Token)
    }
}

/// The placeholders of a text.
///
/// # Errors
/// What begins like one and is none, at most 40 characters of it.
pub fn used(text: &str) -> Result<BTreeSet<Placeholder>, String> {
    let begins = text.match_indices(BEGIN).filter_map(|(at, _)| text.get(at..));
    let each = begins.map(|rest| {
        let known = Placeholder::ALL.into_iter().find(|placeholder| rest.starts_with(placeholder.text()));
        known.ok_or_else(|| {
            let end = rest.find(END).map_or(rest.len(), |at| at + END.len());
            rest.chars().take(40.min(end)).collect()
        })
    });
    each.collect()
}

/// The text with one placeholder filled in.
#[must_use]
pub fn fill(text: &str, placeholder: Placeholder, with: &str) -> String {
    text.replace(placeholder.text(), with)
}

#[cfg(test)]
mod tests {
    use policies::model::{Market, Pool};

    use super::*;
    use crate::LaunchSpec;
    use crate::spec::PpioSpec;

    #[test]
    fn what_is_ours_is_filled_in_and_all_else_stays() {
        let text = "docker ps --format '{{.Names}}'; run --pool {{spotfleet.pool}} --of {{spotfleet.token}} {{ name }}";
        assert_eq!(used(text), Ok(BTreeSet::from([Placeholder::Pool, Placeholder::Token])));
        let pool = Pool::new("aws", "us-east-1", "us-east-1a", "m5.large", Market::Spot);
        let spec = PpioSpec { command: Some(text.to_owned()), ..PpioSpec::default() };
        let LaunchSpec::Ppio(sent) = LaunchSpec::Ppio(spec).of_launch(&pool, &"sf-1-2".into()) else { panic!() };
        let filled = sent.command.expect("a command");
        assert_eq!(
            filled,
            "docker ps --format '{{.Names}}'; run --pool aws/us-east-1/us-east-1a/m5.large/spot --of sf-1-2 {{ name }}"
        );
        assert_eq!(used(&filled), Ok(BTreeSet::new()));
    }

    #[test]
    fn what_only_looks_like_ours_is_named() {
        assert_eq!(used("a {{spotfleet.pol}} b"), Err("{{spotfleet.pol}}".to_owned()));
        assert_eq!(used("{{spotfleet.pool }}"), Err("{{spotfleet.pool }}".to_owned()));
        assert_eq!(used("{{spotfleet.").map_err(|text| text.len()), Err(12));
    }
}
