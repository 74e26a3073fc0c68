//! Paths into an event, as input paths have them: dots, indexes and wildcards. Pure.
//!
//! What the service takes: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>.

use serde_json::value::RawValue;

use super::fuel::Fuel;
use super::json;

/// A path that begins at the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    Every,
}

impl Path {
    /// Reads `$`, `$.detail.a-b_c`, `$.resources[0]`, `$.detail.items[*].id`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.strip_prefix('$').ok_or("a path begins with `$`")?;
        let mut steps = Vec::new();
        while let Some(first) = rest.chars().next() {
            let (step, behind) = match first {
                '.' => field(&rest[1..])?,
                '[' => index(&rest[1..])?,
                other => return Err(format!("`{other}` stands where `.` or `[` is expected")),
            };
            steps.push(step);
            rest = behind;
        }
        Ok(Self(steps))
    }

    /// The JSON text of what stands there in a JSON text; with a wildcard, an array of all that stands there. `None` if
    /// nothing does, or if the search would read more than `fuel` allows.
    #[must_use]
    pub fn find(&self, event: &str, fuel: &Fuel) -> Option<String> {
        let mut found: Vec<&str> = vec![event.trim()];
        for step in &self.0 {
            // What was found last is read once more, whole.
            fuel.burn(found.iter().map(|value| value.len()).sum())?;
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        if self.0.contains(&Step::Every) {
            return Some(format!("[{}]", found.join(",")));
        }
        found.first().map(|value| (*value).to_owned())
    }
}

impl Step {
    fn of<'json>(&self, value: &'json str) -> Vec<&'json str> {
        let object = || json::fields(value).unwrap_or_default();
        let array = || serde_json::from_str::<Vec<&RawValue>>(value).unwrap_or_default();
        match self {
            // The last of fields with one name counts, as where a pattern looks.
            Self::Field(name) => {
                object().into_iter().rev().find(|(key, _)| key == name).map(|(_, raw)| raw).into_iter().collect()
            }
            Self::Index(at) => array().get(*at).map(|raw| raw.get()).into_iter().collect(),
            Self::Every if value.starts_with('{') => object().into_iter().map(|(_, raw)| raw).collect(),
            Self::Every => array().into_iter().map(RawValue::get).collect(),
        }
    }
}

fn field(text: &str) -> Result<(Step, &str), String> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok((Step::Every, rest));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '/');
    match name.chars().find(|letter| !plain(*letter)) {
        Some(other) => Err(format!("`{other}` may not stand in a field's name")),
        None if name.is_empty() => Err("a field has no name".to_owned()),
        None => Ok((Step::Field(name.to_owned()), rest)),
    }
}

fn index(text: &str) -> Result<(Step, &str), String> {
    let (inner, rest) = text.split_once(']').ok_or("`]` is missing")?;
    if inner == "*" {
        return Ok((Step::Every, rest));
    }
    let digits = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit());
    let at = inner.parse().ok().filter(|_| digits);
    let at = at.ok_or_else(|| format!("`[{inner}]` is no index; fields are named behind dots"))?;
    Ok((Step::Index(at), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_what_stands_there() {
        let event = r#" {"a":{"b-c":[1.10,{"d":"x"},{"d":[]}],"e/f":null,"t":1,"t":2},"r":["one","two"],"ü":"u"} "#;
        for (path, found) in [
            ("$", Some(event.trim())),
            ("$.a.b-c[0]", Some("1.10")),
            ("$.a.b-c[1].d", Some(r#""x""#)),
            ("$.a.b-c[3]", None),
            ("$.a.b-c[*].d", Some(r#"["x",[]]"#)),
            ("$.a.b-c.*.d", Some(r#"["x",[]]"#)),
            ("$.r[*]", Some(r#"["one","two"]"#)),
            ("$.*[1]", Some(r#"["two"]"#)),
            ("$.none[*]", Some("[]")),
            ("$.a.e/f", Some("null")),
            ("$.a.t", Some("2")),
            ("$.ü", Some(r#""u""#)),
            ("$.r.a", None),
            ("$.a[0]", None),
            ("$.r[0].x", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(event, &Fuel::new(10_000)).as_deref(), found, "{path}");
        }
        assert_eq!(Path::parse("$.a").unwrap().find("no json", &Fuel::new(100)), None);
        let fuel = Fuel::new(event.len());
        assert_eq!(Path::parse("$.a.b-c[1].d").unwrap().find(event, &fuel), None);
        assert!(fuel.is_spent());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in [
            "",
            "a",
            "$a",
            "$.",
            "$..a",
            "$.a.",
            "$[",
            "$[]",
            "$[-1]",
            "$[+1]",
            "$['a']",
            "$[0",
            "$.a b",
            "$.a$b",
            "$[99999999999999999999]",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
