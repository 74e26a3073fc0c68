//! What a detail must be: one JSON object, not too deep. Decided without recursion, whatever it holds.

use serde_json::value::RawValue;

use bascule_model::event::EntryRefusal;

use crate::limits::DETAIL_LIMIT_LEVELS;

/// The object's own text, without what surrounds it.
pub(crate) fn check(detail: &str) -> Result<&str, EntryRefusal> {
    // Depth first: the grammar's check is then bounded whatever the library does inside.
    if levels(detail) > DETAIL_LIMIT_LEVELS {
        let reason = format!("Detail must have at most {DETAIL_LIMIT_LEVELS} levels.");
        return Err(EntryRefusal::argument("Detail", &reason));
    }
    let Ok(raw) = serde_json::from_str::<&RawValue>(detail) else {
        return Err(EntryRefusal::malformed_detail());
    };
    let text = raw.get();
    if text.starts_with('{') { Ok(text) } else { Err(EntryRefusal::malformed_detail()) }
}

/// How deep brackets open outside of strings.
fn levels(text: &str) -> usize {
    let (mut depth, mut deepest): (usize, usize) = (0, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_and_nothing_else() {
        let nested = |levels: usize| format!("{}{}", "{\"a\":".repeat(levels - 1) + "{", "}".repeat(levels));
        let arrays = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        for (detail, good) in [
            ("{}", true),
            (" \n{\"a\":1}\t", true),
            (r#"{"a":"}}}}{{{{\"{"}"#, true),
            (&nested(1_000), true),
            (&nested(1_001), false),
            (&arrays(1_000), true),
            (&arrays(1_001), false),
            (&"[".repeat(1_000_000), false),
            (&"{\"a\":".repeat(900), false),
            ("", false),
            ("[]", false),
            ("\"{}\"", false),
            ("1", false),
            ("null", false),
            ("{", false),
            ("{}}", false),
            // Text that would break out of its place in the envelope.
            (r#"{},"source":"aws.ec2""#, false),
            (r#"{} {}"#, false),
            ("{\"a\":1,}", false),
            ("{'a':1}", false),
            ("{\"a\":NaN}", false),
            ("{\"a\":01}", false),
        ] {
            assert_eq!(check(detail).is_ok(), good, "{}", &detail[..detail.len().min(60)]);
        }
        assert_eq!(check(" {\"a\":1} "), Ok("{\"a\":1}"));
    }
}
