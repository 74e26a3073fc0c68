//! Events and rules that are about each other, so that a good part of the pairs match.

use serde_json::Value;

use super::draw::{self, Dice};

/// Events around one: it, and what a change or two make of it. Some are strangers.
pub fn events(dice: &mut Dice, base: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| match serde_json::from_str::<Value>(base) {
            Ok(mut event) if !dice.chance(15) => {
                for _ in 0..dice.roll(3) {
                    change(dice, &mut event);
                }
                if dice.chance(30) { base.to_owned() } else { event.to_string() }
            }
            _ => draw::event(dice),
        })
        .collect()
}

/// Changes one value or key somewhere inside.
fn change(dice: &mut Dice, value: &mut Value) {
    let inner = match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = dice.roll(fields.len());
            fields.values_mut().nth(at)
        }
        Value::Array(values) if !values.is_empty() => {
            let at = dice.roll(values.len());
            values.get_mut(at)
        }
        _ => None,
    };
    match inner {
        Some(inner) if dice.chance(80) => change(dice, inner),
        _ => {
            let new = draw::event(dice);
            let new =
                serde_json::from_str::<Value>(&new).ok().and_then(|new| new.as_object()?.values().next().cloned());
            if !value.is_object() {
                *value = new.unwrap_or(Value::Null);
            } else if let Some(fields) = value.as_object_mut() {
                fields.insert("c".to_owned(), new.unwrap_or(Value::Bool(true)));
            }
        }
    }
}

/// A rule that is about an event: some of its paths, and of each a matcher that mostly takes what is there.
pub fn pattern(dice: &mut Dice, base: &str) -> Option<String> {
    let event: Value = serde_json::from_str(base).ok()?;
    let mut leaves = Vec::new();
    walk(&event, &mut String::new(), &mut leaves);
    if leaves.is_empty() {
        return None;
    }
    let conjunction = |dice: &mut Dice| {
        let mut fields: Vec<String> = Vec::new();
        for _ in 0..1 + dice.roll(3) {
            let (path, leaf) = &leaves[dice.roll(leaves.len())];
            let mut all = vec![matcher(dice, leaf)];
            while dice.chance(20) {
                let other = dice.roll(leaves.len());
                all.push(matcher(dice, &leaves[other].1));
            }
            fields.push(format!("{}:[{}]", Value::from(path.as_str()), all.join(",")));
        }
        fields.join(",")
    };
    if dice.chance(12) {
        let (one, other) = (conjunction(dice), draw::pattern(dice));
        let outer = if dice.chance(50) { format!("{},", conjunction(dice)) } else { String::new() };
        return Some(format!("{{{outer}\"$or\":[{{{one}}},{other}]}}"));
    }
    Some(format!("{{{}}}", conjunction(dice)))
}

fn walk(value: &Value, path: &mut String, leaves: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let above = path.len();
                if above > 0 {
                    path.push('.');
                }
                path.push_str(key);
                walk(value, path, leaves);
                path.truncate(above);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, path, leaves)),
        leaf => leaves.push((path.clone(), leaf.clone())),
    }
}

fn matcher(dice: &mut Dice, leaf: &Value) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('*', "\\*");
    if dice.chance(12) {
        return r#"{"exists":true}"#.to_owned();
    }
    if dice.chance(12) {
        return r#"{"anything-but":["nobody","says","this"]}"#.to_owned();
    }
    match leaf {
        Value::String(text) => {
            let boundary = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let (from, to) = (boundary(dice.roll(text.len() + 1)), boundary(dice.roll(text.len() + 1)));
            match dice.roll(9) {
                0 => format!("{{\"prefix\":{}}}", quoted(&text[..to])),
                1 => format!("{{\"suffix\":{}}}", quoted(&text[from..])),
                2 => format!("{{\"equals-ignore-case\":{}}}", quoted(&text.to_ascii_uppercase())),
                3 => format!("{{\"prefix\":{{\"equals-ignore-case\":{}}}}}", quoted(&text[..to].to_ascii_lowercase())),
                4 => {
                    format!("{{\"suffix\":{{\"equals-ignore-case\":{}}}}}", quoted(&text[from..].to_ascii_uppercase()))
                }
                5 if from >= to => {
                    format!(
                        "{{\"wildcard\":{}}}",
                        quoted(&format!("{}*{}", escaped(&text[..to]), escaped(&text[from..])))
                    )
                }
                6 if from < to => format!("{{\"wildcard\":{}}}", quoted(&format!("*{}*", escaped(&text[from..to])))),
                _ => quoted(text),
            }
        }
        Value::Number(number) if dice.chance(50) => format!("{{\"numeric\":[\">=\",{number},\"<\",1e10]}}"),
        other => other.to_string(),
    }
}
