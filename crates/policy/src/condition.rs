//! Conditions of a statement: operators and what they hold of a request.
//!
//! Sources: `reference_policies_elements_condition_operators`, `reference_policies_condition-single-vs-multi-valued-context-keys`.

use std::cmp::Ordering;
use std::net::IpAddr;

use crate::address::Block;
use crate::arn::{self, ArnPattern};
use crate::binary;
use crate::decimal::Decimal;
use crate::key::Key;
use crate::meter::Metered;
use crate::moment::Moment;
use crate::request::{Found, Request, Value};
use crate::template::{Case, Fit, Template};
use crate::truth::{self, Truth};

/// One key under one operator.
#[derive(Debug, Clone)]
pub struct Condition {
    pub operator: Operator,
    pub key: Key,
    pub operands: Operands,
}

/// An operator's name, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    pub set: Set,
    pub test: Test,
    pub negated: bool,
    pub if_exists: bool,
}

/// How many of a request's values must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// The one that there is.
    Single,
    /// `ForAllValues:`
    All,
    /// `ForAnyValue:`
    Any,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    Text,
    TextIgnoringCase,
    TextLike,
    Number(Relation),
    Date(Relation),
    Bool,
    Binary,
    Address,
    Arn,
    Null,
}

/// How a request's value must stand to a policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A policy's values, at least one.
#[derive(Debug, Clone)]
pub enum Operands {
    Texts(Box<[Template]>),
    Numbers(Box<[Box<str>]>),
    Dates(Box<[Moment]>),
    Bytes(Box<[Box<[u8]>]>),
    Blocks(Box<[Block]>),
    Arns(Box<[ArnPattern]>),
    Nulls(Box<[bool]>),
}

impl Operands {
    /// What comparing all of them with `text` costs. Templates count for themselves.
    fn steps(&self, text: &str) -> usize {
        match self {
            Self::Texts(_) | Self::Nulls(_) => 1,
            Self::Arns(_) => 1 + text.len(),
            Self::Numbers(numbers) => 2 * (text.len() + numbers.iter().map(|own| own.len()).sum::<usize>()),
            Self::Dates(dates) => text.len() + dates.len(),
            Self::Bytes(bytes) => text.len() + bytes.len(),
            Self::Blocks(blocks) => text.len() + blocks.len(),
        }
    }
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Condition {
    /// Whether it holds of `request`.
    pub fn holds(&self, request: &Metered<'_, '_>) -> Truth {
        let found = self.key.find(request);
        if !request.pay_search() || !request.pay(found.count()) {
            return Truth::Unclear;
        }
        if matches!(found, Found::Unclear) {
            return Truth::Unclear;
        }
        if let Operands::Nulls(wanted) = &self.operands {
            let null = is_null(found);
            return Truth::of(wanted.contains(&null));
        }
        let missing = match self.operator.set {
            Set::Single => matches!(found, Found::Nothing),
            Set::All | Set::Any => is_null(found),
        };
        if missing {
            return Truth::of(self.operator.if_exists || self.holds_of_nothing());
        }
        match self.operator.set {
            // More values than the operator is for: nothing says what it means.
            Set::Single => found.only().map_or(Truth::Unclear, |value| self.passes(value, request)),
            Set::All => truth::all(found.iter().map(|value| self.passes(value, request))),
            Set::Any => truth::any(found.iter().map(|value| self.passes(value, request))),
        }
    }

    /// Whether `request` has no value for its key.
    pub fn is_missing(&self, request: &Request<'_>) -> bool {
        is_null(self.key.find(request))
    }

    /// A key that is not there: `false` for a positive operator, `true` for a negated one; with sets as of an empty set.
    fn holds_of_nothing(&self) -> bool {
        match self.operator.set {
            Set::Single => self.operator.negated,
            Set::All => true,
            Set::Any => false,
        }
    }

    /// Several values of a policy are alternatives; for a negated operator none of them may match.
    fn passes(&self, value: Value<'_>, request: &Metered<'_, '_>) -> Truth {
        let matches = self.matches(value, request);
        if self.operator.negated { matches.not() } else { matches }
    }

    fn matches(&self, value: Value<'_>, request: &Metered<'_, '_>) -> Truth {
        let scratch;
        let text = match value {
            Value::Text(text) => text,
            // Texts of other values fit the scratch.
            other => {
                scratch = other.shown();
                scratch.text()
            }
        };
        if !request.pay(self.operands.steps(text)) {
            return Truth::Unclear;
        }
        match (&self.operands, self.operator.test) {
            (Operands::Texts(texts), Test::Bool) => matches_bool(texts, text, request),
            (Operands::Texts(texts), Test::TextIgnoringCase) => {
                truth::any(texts.iter().map(|own| matched(own.equals_folded(text, request))))
            }
            (Operands::Texts(texts), _) => {
                truth::any(texts.iter().map(|own| matched(own.fits(text, Case::Sensitive, request))))
            }
            (Operands::Arns(_), _) if !arn::is_arn(text) => Truth::Unclear,
            (Operands::Arns(arns), _) => truth::any(arns.iter().map(|own| matched(own.fits(text, request)))),
            (Operands::Numbers(numbers), Test::Number(relation)) => matches_number(numbers, relation, text),
            (Operands::Dates(dates), Test::Date(relation)) => matches_date(dates, relation, value),
            (Operands::Bytes(bytes), _) => matches_bytes(bytes, value),
            (Operands::Blocks(blocks), _) => matches_address(blocks, value),
            // The reader makes no other pairs.
            (Operands::Numbers(_) | Operands::Dates(_) | Operands::Nulls(_), _) => Truth::Unclear,
        }
    }
}

/// A variable without a value is equal to nothing and like nothing, so that a negated condition holds:
/// `reference_policies_variables`, policy variables with no value.
const fn matched(fit: Fit) -> Truth {
    match fit {
        Fit::Yes => Truth::Yes,
        Fit::No | Fit::Unresolved => Truth::No,
        Fit::Unclear => Truth::Unclear,
    }
}

/// No values, or none that is more than an empty string: `reference_policies_condition-single-vs-multi-valued-context-keys`.
fn is_null(found: Found<'_>) -> bool {
    match found {
        Found::Unclear => false,
        other => other.iter().all(|value| value == Value::Text("")),
    }
}

fn matches_bool(texts: &[Template], text: &str, request: &Metered<'_, '_>) -> Truth {
    if !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") {
        return Truth::Unclear;
    }
    truth::any(texts.iter().map(|own| matched(own.fits(text, Case::Ignored, request))))
}

fn matches_number(numbers: &[Box<str>], relation: Relation, text: &str) -> Truth {
    let Some(value) = Decimal::read(text) else { return Truth::Unclear };
    let holds = |own: &str| Decimal::read(own).is_some_and(|own| relation.holds(value.compare(&own)));
    Truth::of(numbers.iter().any(|own| holds(own)))
}

fn matches_date(dates: &[Moment], relation: Relation, value: Value<'_>) -> Truth {
    let moment = match value {
        Value::Time(time) => Some(Moment::of(time)),
        Value::Epoch(time) => i64::try_from(time.0 / 1000).ok().map(Moment::of_seconds),
        Value::Number(seconds) => Some(Moment::of_seconds(seconds)),
        Value::Text(text) => Moment::read(text),
        _ => None,
    };
    moment.map_or(Truth::Unclear, |moment| Truth::of(dates.iter().any(|own| relation.holds(moment.cmp(own)))))
}

fn matches_bytes(bytes: &[Box<[u8]>], value: Value<'_>) -> Truth {
    match value {
        Value::Bytes(value) => Truth::of(bytes.iter().any(|own| **own == *value)),
        // Where a request has text, it is base64 as well.
        Value::Text(text) => {
            binary::decode(text).map_or(Truth::Unclear, |value| Truth::of(bytes.iter().any(|own| **own == *value)))
        }
        _ => Truth::Unclear,
    }
}

fn matches_address(blocks: &[Block], value: Value<'_>) -> Truth {
    let address = match value {
        Value::Address(address) => Some(address),
        Value::Text(text) => text.parse::<IpAddr>().ok(),
        _ => None,
    };
    address.map_or(Truth::Unclear, |address| Truth::of(blocks.iter().any(|own| own.contains(address))))
}
