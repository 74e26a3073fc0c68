//! A second evaluator, slow and written otherwise, that the engine is held against: JSON as it stands, tables of all pairs, no index.

use bascule_model::time::Millis;
use serde_json::Value as Json;

/// Two bounds of a truth: whether it holds for sure, whether it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub surely: bool,
    pub maybe: bool,
}

impl Bounds {
    const UNCLEAR: Self = Self { surely: false, maybe: true };

    const fn of(holds: bool) -> Self {
        Self { surely: holds, maybe: holds }
    }

    const fn not(self) -> Self {
        Self { surely: !self.maybe, maybe: !self.surely }
    }

    fn every(all: &[Self]) -> Self {
        Self { surely: all.iter().all(|one| one.surely), maybe: all.iter().all(|one| one.maybe) }
    }

    fn some(all: &[Self]) -> Self {
        Self { surely: all.iter().any(|one| one.surely), maybe: all.iter().any(|one| one.maybe) }
    }
}

/// A letter of a pattern; wildcards that a variable's value brought along are letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Plain(char),
    One,
    Many,
}

/// Whether the value is of the pattern's form, by a table of all prefixes of both.
fn table(pattern: &[Letter], value: &[char]) -> bool {
    let mut row = vec![false; value.len() + 1];
    row[0] = true;
    for letter in pattern {
        let mut next = vec![false; value.len() + 1];
        for at in 0..=value.len() {
            next[at] = match letter {
                Letter::Many => row[at] || at > 0 && next[at - 1],
                Letter::One => at > 0 && row[at - 1],
                Letter::Plain(own) => at > 0 && row[at - 1] && value[at - 1] == *own,
            };
        }
        row = next;
    }
    row[value.len()]
}

/// `*` and `?` count.
pub fn glob(pattern: &str, value: &str) -> bool {
    let letters: Vec<Letter> = pattern.chars().map(|letter| wild(letter, true)).collect();
    table(&letters, &value.chars().collect::<Vec<char>>())
}

const fn wild(letter: char, counts: bool) -> Letter {
    match letter {
        '*' if counts => Letter::Many,
        '?' if counts => Letter::One,
        other => Letter::Plain(other),
    }
}

/// What a request looks like to this evaluator: every key with its values.
pub type Context = Vec<(String, Vec<String>)>;

fn values<'c>(context: &'c Context, key: &str) -> Option<&'c Vec<String>> {
    context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| values)
}

/// The pattern's letters; `Err` if a variable has no value, or several.
fn letters(text: &str, counts: bool, context: &Context, unresolved: Bounds) -> Result<Vec<Letter>, Bounds> {
    let Some(start) = text.find("${") else { return Ok(text.chars().map(|letter| wild(letter, counts)).collect()) };
    let end = start + text[start..].find('}').unwrap();
    let mut all: Vec<Letter> = text[..start].chars().map(|letter| wild(letter, counts)).collect();
    let inside = &text[start + 2..end];
    let (key, default) = match inside.split_once(", ") {
        Some((key, quoted)) => (key, Some(quoted.trim_matches('\'').to_owned())),
        None => (inside, None),
    };
    let value = if ["*", "?", "$"].contains(&key) {
        key.to_owned()
    } else {
        match values(context, key).map(Vec::as_slice) {
            Some([only]) => only.clone(),
            None | Some([]) => default.ok_or(unresolved)?,
            Some(_) => return Err(Bounds::UNCLEAR),
        }
    };
    all.extend(value.chars().map(Letter::Plain));
    all.extend(letters(&text[end + 1..], counts, context, unresolved)?);
    Ok(all)
}

/// Whether one value of a request and one of a policy match, by the operator's positive form. A variable without a value makes
/// it `unresolved`.
fn pair(base: &str, own: &str, value: &str, context: &Context, unresolved: Bounds) -> Bounds {
    match base {
        "StringEquals" | "StringLike" => match letters(own, base == "StringLike", context, unresolved) {
            Ok(letters) => Bounds::of(table(&letters, &value.chars().collect::<Vec<char>>())),
            Err(unfilled) => unfilled,
        },
        "StringEqualsIgnoreCase" => match letters(&own.to_lowercase(), false, context, unresolved) {
            Ok(letters) => {
                let low = |letter: &Letter| match letter {
                    Letter::Plain(letter) => Letter::Plain(letter.to_ascii_lowercase()),
                    other => *other,
                };
                let letters: Vec<Letter> = letters.iter().map(low).collect();
                Bounds::of(table(&letters, &value.to_lowercase().chars().collect::<Vec<char>>()))
            }
            Err(unfilled) => unfilled,
        },
        "Arn" => {
            let parts = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<String>>();
            let (own, value) = (parts(own), parts(value));
            if value.len() < 6 || value[0] != "arn" {
                return Bounds::UNCLEAR;
            }
            let fits: Vec<Bounds> = own
                .iter()
                .zip(&value)
                .map(|(own, value)| pair("StringLike", own, value, context, unresolved))
                .collect();
            Bounds::every(&fits)
        }
        "Bool" if value != "true" && value != "false" => Bounds::UNCLEAR,
        "Bool" => Bounds::of(own == value),
        _ if base.starts_with("Numeric") => order(base, thousandths(value), thousandths(own)),
        _ if base.starts_with("Date") => order(base, seconds(value), seconds(own)),
        "IpAddress" => {
            let Some(value) = bits(value) else { return Bounds::UNCLEAR };
            let (address, width) = own.split_once('/').unwrap_or((own, "999"));
            let own = bits(address).unwrap();
            let width: usize = width.parse().unwrap();
            Bounds::of(
                own.len() == value.len() && own.chars().zip(value.chars()).take(width).all(|(one, other)| one == other),
            )
        }
        other => panic!("`{other}`"),
    }
}

fn order(base: &str, value: Option<i64>, own: Option<i64>) -> Bounds {
    let (Some(value), Some(own)) = (value, own) else { return Bounds::UNCLEAR };
    let less = base.contains("Less") && value < own;
    let greater = base.contains("Greater") && value > own;
    Bounds::of(less || greater || base.ends_with("Equals") && value == own)
}

fn thousandths(text: &str) -> Option<i64> {
    let number: f64 = text.parse().ok().filter(|_| !text.contains('e'))?;
    Some((number * 1000.0).round() as i64)
}

fn seconds(text: &str) -> Option<i64> {
    let whole = || text.parse::<i64>().ok();
    Millis::parse(text).ok().and_then(|time| i64::try_from(time.0 / 1000).ok()).or_else(whole)
}

fn bits(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
        return Some(address.octets().iter().map(|byte| format!("{byte:08b}")).collect());
    }
    let address = text.parse::<std::net::Ipv6Addr>().ok()?;
    Some(address.octets().iter().map(|byte| format!("{byte:08b}")).collect())
}

fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// One value or an array of them.
pub fn list(json: &Json) -> Vec<String> {
    json.as_array().map_or_else(|| vec![text(json)], |all| all.iter().map(text).collect())
}

/// Whether one key under one operator holds.
pub fn condition(operator: &str, key: &str, wanted: &Json, context: &Context) -> Bounds {
    let wanted = list(wanted);
    let found: Vec<String> = values(context, key).cloned().unwrap_or_default();
    let empty = found.iter().all(String::is_empty);
    if operator == "Null" {
        return Bounds::of(wanted.contains(&empty.to_string()));
    }
    let (set, rest) = operator.split_once(':').unwrap_or(("", operator));
    let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
    let negated = name.contains("Not");
    let base = name.replace("Not", "");
    let base = if base.starts_with("Arn") { "Arn" } else { &base };
    if found.is_empty() || !set.is_empty() && empty {
        let without = match set {
            "ForAllValues" => true,
            "ForAnyValue" => false,
            _ => negated,
        };
        return Bounds::of(if_exists || without);
    }
    let each: Vec<Bounds> = found
        .iter()
        .map(|value| {
            let row: Vec<Bounds> =
                wanted.iter().map(|own| pair(base, own, value, context, Bounds::of(false))).collect();
            if negated { Bounds::some(&row).not() } else { Bounds::some(&row) }
        })
        .collect();
    match set {
        "ForAllValues" => Bounds::every(&each),
        "ForAnyValue" => Bounds::some(&each),
        _ if each.len() > 1 => Bounds::UNCLEAR,
        _ => each[0],
    }
}

/// Who asks, by every name.
#[derive(Debug, Clone)]
pub struct Names {
    pub root: bool,
    pub service: bool,
    pub account: String,
    /// The user, the session or the service itself.
    pub itself: String,
    pub role: Option<String>,
}

/// Whether a statement is about the caller, and how directly: 3 itself, 2 its role, 1 its account, 0 not.
fn directness(statement: &Json, names: &Names) -> u8 {
    let of = |principal: &Json| -> u8 {
        let entries: Vec<String> = match principal {
            Json::Object(map) => map.values().flat_map(list).collect(),
            other => list(other),
        };
        let one = |entry: &String| {
            let account = *entry == names.account || *entry == format!("arn:aws:iam::{}:root", names.account);
            if entry == "*" || *entry == names.itself || account && names.root {
                3
            } else if Some(entry) == names.role.as_ref() {
                2
            } else {
                u8::from(account && !names.service)
            }
        };
        entries.iter().map(one).max().unwrap_or(0)
    };
    statement.get("Principal").map_or(3, of)
}

/// A policy's most direct allow (0 if none), and whether it denies or may deny.
pub fn policy(document: &Json, names: &Names, action: &str, arn: &str, context: &Context) -> (u8, bool) {
    let (mut allows, mut denies) = (0, false);
    for statement in document["Statement"].as_array().unwrap() {
        let direct = directness(statement, names);
        let action_fits = |element: &str| {
            statement
                .get(element)
                .map(|all| list(all).iter().any(|own| glob(&own.to_lowercase(), &action.to_lowercase())))
        };
        let acts = action_fits("Action").unwrap_or_else(|| !action_fits("NotAction").unwrap());
        let resource_fits = |element: &str, negated: bool| {
            let unresolved = if negated { Bounds::UNCLEAR } else { Bounds::of(false) };
            let one = |own: &String| pair("StringLike", own, arn, context, unresolved);
            statement.get(element).map(|all| Bounds::some(&list(all).iter().map(one).collect::<Vec<Bounds>>()))
        };
        let on = resource_fits("Resource", false).or_else(|| resource_fits("NotResource", true).map(Bounds::not));
        let mut all = vec![Bounds::of(direct > 0), Bounds::of(acts), on.unwrap_or(Bounds::of(true))];
        for (operator, keys) in statement.get("Condition").and_then(Json::as_object).into_iter().flatten() {
            for (key, wanted) in keys.as_object().unwrap() {
                all.push(condition(operator, key, wanted, context));
            }
        }
        let holds = Bounds::every(&all);
        if statement["Effect"] == "Deny" {
            denies |= holds.maybe;
        } else if holds.surely {
            allows = allows.max(direct);
        }
    }
    (allows, denies)
}
