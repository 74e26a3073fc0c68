//! Reads the conditions of a statement: each operator, its keys, and their values in the operator's own type.

use crate::address::Block;
use crate::arn::ArnPattern;
use crate::binary;
use crate::condition::{Condition, Operands, Operator, Test};
use crate::decimal::Decimal;
use crate::error::Invalid;
use crate::json::Node;
use crate::key::Key;
use crate::moment::Moment;
use crate::operator;
use crate::path::Path;
use crate::read::{items, object, once};
use crate::statement::Version;
use crate::template::{Template, Wildcards};

/// Reads a `Condition`.
pub fn conditions(node: &Node, version: Version, path: &Path<'_>) -> Result<Box<[Condition]>, Invalid> {
    let operators = object(node, path)?;
    once(operators, path)?;
    let mut all = Vec::new();
    for (name, node) in operators {
        let operator = operator::read(name).ok_or_else(|| path.does_not_know(name, operator::KNOWN))?;
        let path = path.field(name);
        let keys = object(node, &path)?;
        if keys.is_empty() {
            return Err(path.refuses("{}", "it must have a key"));
        }
        for (at, (name, node)) in keys.iter().enumerate() {
            if keys[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return Err(path.repeats(name));
            }
            let key = Key::read(name).map_err(|reason| path.refuses(name, reason))?;
            let operands = operands(operator, node, version, &path.field(name))?;
            all.push(Condition { operator, key, operands });
        }
    }
    Ok(all.into())
}

fn operands(operator: Operator, node: &Node, version: Version, path: &Path<'_>) -> Result<Operands, Invalid> {
    let texts = |wildcards| each(node, path, |text| Template::read(text, version, wildcards)).map(Operands::Texts);
    match operator.test {
        Test::Text | Test::TextIgnoringCase => texts(Wildcards::AreText),
        Test::TextLike => texts(Wildcards::Count),
        Test::Bool => each(node, path, |text| bool_text(text, version)).map(Operands::Texts),
        Test::Number(_) => each(node, path, number).map(Operands::Numbers),
        Test::Date(_) => {
            const FORM: &str = "it must be an ISO 8601 date, a time with its zone, or seconds since 1970";
            each(node, path, |text| Moment::read(text).ok_or_else(|| FORM.to_owned())).map(Operands::Dates)
        }
        Test::Binary => {
            const FORM: &str = "it must be base64 with padding";
            let read = |text: &str| binary::decode(text).map(Into::into).ok_or_else(|| FORM.to_owned());
            each(node, path, read).map(Operands::Bytes)
        }
        Test::Address => {
            const FORM: &str = "it must be an IPv4 or IPv6 address, or a block of them such as `203.0.113.0/24`";
            each(node, path, |text| Block::read(text).ok_or_else(|| FORM.to_owned())).map(Operands::Blocks)
        }
        Test::Arn => each(node, path, |text| ArnPattern::read(text, version)).map(Operands::Arns),
        Test::Null => each(node, path, null).map(Operands::Nulls),
    }
}

/// Each value of `node` as text; numbers and booleans may stand without quotes.
fn each<T>(node: &Node, path: &Path<'_>, read: impl Fn(&str) -> Result<T, String>) -> Result<Box<[T]>, Invalid> {
    items(node, path, |node, path| {
        let text = match node {
            Node::Text(text) | Node::Number(text) => text,
            Node::Boolean(true) => "true",
            Node::Boolean(false) => "false",
            other => return Err(path.refuses(other.word(), "it must be a string, a number or a boolean")),
        };
        read(text).map_err(|reason| path.refuses(text, reason))
    })
}

fn number(text: &str) -> Result<Box<str>, String> {
    match Decimal::read(text) {
        Some(_) => Ok(text.into()),
        None => Err("it must be a decimal number without exponent".to_owned()),
    }
}

fn bool_text(text: &str, version: Version) -> Result<Template, String> {
    let template = Template::read(text, version, Wildcards::AreText)?;
    let plain = text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false");
    if plain || template.has_variables() { Ok(template) } else { Err("it must be `true` or `false`".to_owned()) }
}

fn null(text: &str) -> Result<bool, String> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("it must be `true`, if the key may not be there, or `false`, if it must".to_owned()),
    }
}
