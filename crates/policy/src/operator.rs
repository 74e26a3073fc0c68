//! Names of condition operators: `reference_policies_elements_condition_operators`.

use crate::condition::{Operator, Relation, Set, Test};

/// Name, what it compares, whether it is negated.
const OPERATORS: [(&str, Test, bool); 27] = [
    ("StringEquals", Test::Text, false),
    ("StringNotEquals", Test::Text, true),
    ("StringEqualsIgnoreCase", Test::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Test::TextIgnoringCase, true),
    ("StringLike", Test::TextLike, false),
    ("StringNotLike", Test::TextLike, true),
    ("NumericEquals", Test::Number(Relation::Equal), false),
    ("NumericNotEquals", Test::Number(Relation::Equal), true),
    ("NumericLessThan", Test::Number(Relation::Less), false),
    ("NumericLessThanEquals", Test::Number(Relation::LessOrEqual), false),
    ("NumericGreaterThan", Test::Number(Relation::Greater), false),
    ("NumericGreaterThanEquals", Test::Number(Relation::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Relation::Equal), false),
    ("DateNotEquals", Test::Date(Relation::Equal), true),
    ("DateLessThan", Test::Date(Relation::Less), false),
    ("DateLessThanEquals", Test::Date(Relation::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Relation::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Relation::GreaterOrEqual), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    // Equals and Like are the same for ARNs.
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

/// For refusals.
pub const KNOWN: &str = "the condition operators of IAM, each with `ForAllValues:` or `ForAnyValue:` before and `IfExists` behind it (`Null` without)";

/// Reads an operator's name.
pub fn read(name: &str) -> Option<Operator> {
    let (set, rest) = match name.split_once(':') {
        None => (Set::Single, name),
        Some(("ForAllValues", rest)) => (Set::All, rest),
        Some(("ForAnyValue", rest)) => (Set::Any, rest),
        Some(_) => return None,
    };
    let (base, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |base| (base, true));
    let (_, test, negated) = OPERATORS.iter().find(|(known, ..)| *known == base)?;
    let operator = Operator { set, test: *test, negated: *negated, if_exists };
    // `Null` asks whether the key is there; with either it would ask twice.
    (*test != Test::Null || set == Set::Single && !if_exists).then_some(operator)
}

/// Every name of an operator without set and `IfExists`, and whether it is negated.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = (&'static str, bool)> {
    OPERATORS.iter().map(|(name, _, negated)| (*name, *negated))
}
