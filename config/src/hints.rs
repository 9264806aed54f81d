//! Guesses of what was meant.

use crate::raw;

/// Keys of later versions, so that nobody hunts for a typing mistake.
const LATER: [&str; 2] = ["service_level", "seasons"];

/// The candidate that the word was probably meant to be, if one is near enough.
pub(crate) fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // A long word cannot be near, and its distance takes long to compute.
    if word.len() > 64 {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    let wanted = plain(word);
    let allowed = match wanted.chars().count() {
        0..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// What to do about a key that its table does not know.
pub(crate) fn for_unknown_key(key: &str, known: &[raw::field::Key]) -> Option<String> {
    let names = || known.iter().map(|key| key.name);
    if LATER.contains(&key) {
        return Some("not supported in this version; remove it".into());
    }
    if let Some(near) = nearest(key, names()) {
        return Some(format!("did you mean `{near}`?"));
    }
    // The commonest mistake in YAML is a wrong indentation: the key is right, its table is not.
    let homes: Vec<&str> =
        raw::tables().filter(|table| table.keys.iter().any(|k| k.name == key)).map(|table| table.path).collect();
    match (homes.as_slice(), known) {
        ([home], _) => Some(format!("`{key}` is a key of `{home}`; is the indentation right?")),
        (_, []) => None,
        _ => Some(format!("the keys here are {}", names().collect::<Vec<_>>().join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_only_when_it_is_near() {
        let words = ["cooldown", "max_step", "min", "max"];
        assert_eq!(nearest("cool-down", words.into_iter()), Some("cooldown"));
        assert_eq!(nearest("maxstep", words.into_iter()), Some("max_step"));
        assert_eq!(nearest("mxa", words.into_iter()), Some("max"));
        assert_eq!(nearest("surprise", words.into_iter()), None);
        assert_eq!(nearest("x", ["a"].into_iter()), None);
    }

    #[test]
    fn an_unknown_key_is_explained() {
        let keys = raw::Capacity::KEYS;
        assert_eq!(for_unknown_key("mim", keys).as_deref(), Some("did you mean `min`?"));
        assert_eq!(for_unknown_key("service_level", keys).as_deref(), Some("not supported in this version; remove it"));
        assert_eq!(
            for_unknown_key("idle_grace", keys).as_deref(),
            Some("`idle_grace` is a key of `fleets[].scale_down`; is the indentation right?")
        );
        assert_eq!(for_unknown_key("colour", keys).as_deref(), Some("the keys here are min, max, survive"));
    }
}
