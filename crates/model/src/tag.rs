//! Tags: what their owners call buses and rules.

use std::collections::BTreeSet;

use crate::fault::Fault;
use crate::limits::{TAG_KEY_LIMIT_CHARS, TAG_VALUE_LIMIT_CHARS, TAGS_LIMIT_COUNT};

/// Checks a list of tags: keys of 1 to 128 characters that do not begin with `aws:`, each once; values of at most 256
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Tag.html>).
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Fault> {
    let mut keys = BTreeSet::new();
    for (key, value) in tags {
        check_key(key)?;
        Fault::unless_at_most("Tags.Value", value, TAG_VALUE_LIMIT_CHARS)?;
        if !keys.insert(key) {
            return Err(Fault::invalid("Tags.Key", "each key may stand once", key));
        }
    }
    let count = keys.len();
    if count > TAGS_LIMIT_COUNT {
        let reason = format!("there may be at most {TAGS_LIMIT_COUNT}");
        return Err(Fault::invalid("Tags", reason, &count.to_string()));
    }
    Ok(())
}

/// Checks one key.
///
/// # Errors
/// [`Fault::Invalid`].
pub fn check_key(key: &str) -> Result<(), Fault> {
    Fault::unless_at_most("Tags.Key", key, TAG_KEY_LIMIT_CHARS)?;
    if key.is_empty() {
        return Err(Fault::invalid("Tags.Key", "it must be there", key));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(Fault::invalid("Tags.Key", "keys that begin with `aws:` are not yours to use", key));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_hold_at_their_borders() {
        let of = |length: usize| "t".repeat(length);
        let many: Vec<(String, String)> = (0..51).map(|nth| (nth.to_string(), String::new())).collect();
        let many =
            |count: usize| many[..count].iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>();
        let (long, over, value, over_value) = (of(128), of(129), of(256), of(257));
        for (tags, good) in [
            (vec![], true),
            (vec![("a", ""), ("b", value.as_str())], true),
            (vec![(long.as_str(), "")], true),
            (vec![(over.as_str(), "")], false),
            (vec![("a", over_value.as_str())], false),
            (vec![("", "v")], false),
            (vec![("a", "1"), ("a", "2")], false),
            (vec![("AWS:a", "")], false),
            (vec![("aws", "")], true),
            (vec![("ü", "ü")], true),
            (many(50), true),
            (many(51), false),
        ] {
            assert_eq!(check(tags.iter().copied()).is_ok(), good, "{tags:?}");
        }
    }
}
