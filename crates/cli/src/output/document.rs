//! Policy documents for people: indented, with every value as it stands.

use serde::de::IgnoredAny;

use crate::output::Part;

/// A head and below it the document.
pub fn below(head: &str, document: &str) -> Part {
    let mut lines = vec![head.to_owned()];
    lines.extend(indented(document).lines().map(str::to_owned));
    Part::Block(lines)
}

/// The document alone.
pub fn alone(document: &str) -> Part {
    Part::Block(indented(document).lines().map(str::to_owned).collect())
}

/// JSON with one element on a line. Neither the order of names nor the spelling of a value changes; what is no JSON stays as it is.
fn indented(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut in_text, mut escaped, mut opened) = (0_usize, false, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for c in text.chars() {
        if in_text {
            out.push(c);
            in_text = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        if matches!(c, '}' | ']') {
            depth = depth.saturating_sub(1);
            if !opened {
                line(&mut out, depth);
            }
        } else if opened {
            line(&mut out, depth);
        }
        opened = matches!(c, '{' | '[');
        out.push(c);
        match c {
            '{' | '[' => depth += 1,
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_text = true,
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_indented_and_say_the_same() {
        let rows = [
            ("{}", "{}"),
            ("[ ]", "[]"),
            (r#"{"b":1.0,"a":[1,{}]}"#, "{\n  \"b\": 1.0,\n  \"a\": [\n    1,\n    {}\n  ]\n}"),
            (r#"{ "x" : "a,b:{\"\\" , "y":true }"#, "{\n  \"x\": \"a,b:{\\\"\\\\\",\n  \"y\": true\n}"),
            ("no { json", "no { json"),
            ("", ""),
        ];
        for (text, expected) in rows {
            assert_eq!(indented(text), expected, "{text}");
            assert_eq!(indented(expected), expected, "{text}");
        }
    }
}
