//! The envelope: an entry as patterns and targets see it. Pure.
//!
//! Fields and their order are those of the user guide's page on event structure
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/aws-events.html>).

use bascule_model::arn::Scope;
use bascule_model::event::{Entry, EntryRefusal};
use bascule_model::id::EventId;
use bascule_model::time::Millis;
use bascule_pattern::matcher::Known;

use crate::detail;

/// The fields around an entry's detail, before anything is written.
#[derive(Debug)]
pub struct Envelope<'e> {
    entry: &'e Entry,
    id: String,
    account: String,
    time: String,
    region: &'e str,
    detail: &'e str,
}

/// The envelope's version, the only one there is.
const VERSION: &str = "0";

impl<'e> Envelope<'e> {
    /// The envelope of an entry. `now` stands for a time that it does not give; fractions of a second are dropped.
    ///
    /// # Errors
    /// [`EntryRefusal`] for a detail that is no JSON object or too deep.
    pub fn of(entry: &'e Entry, id: EventId, scope: &'e Scope, now: Millis) -> Result<Self, EntryRefusal> {
        Ok(Self {
            entry,
            id: id.to_string(),
            account: scope.account().to_string(),
            time: entry.time.unwrap_or(now).rfc3339_seconds(),
            region: scope.region(),
            detail: detail::check(&entry.detail)?,
        })
    }

    /// The fields by their keys, all but the detail.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, Known<'_>); 8] {
        [
            ("version", Known::Text(VERSION)),
            ("id", Known::Text(&self.id)),
            ("detail-type", Known::Text(&self.entry.detail_type)),
            ("source", Known::Text(&self.entry.source)),
            ("account", Known::Text(&self.account)),
            ("time", Known::Text(&self.time)),
            ("region", Known::Text(self.region)),
            ("resources", Known::Texts(&self.entry.resources)),
        ]
    }

    /// The detail's key and text.
    #[must_use]
    pub const fn detail(&self) -> (&'static str, &'e str) {
        ("detail", self.detail)
    }

    /// The event as JSON text.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = String::with_capacity(256 + self.entry.size_bytes());
        text.push('{');
        for (key, known) in self.fields() {
            text.push('"');
            text.push_str(key);
            text.push_str("\":");
            match known {
                Known::Text(value) => quote(&mut text, value),
                Known::Texts(values) => quote_all(&mut text, values),
            }
            text.push(',');
        }
        let (key, detail) = self.detail();
        text.push('"');
        text.push_str(key);
        text.push_str("\":");
        text.push_str(detail);
        text.push('}');
        text
    }
}

/// The event as JSON text, as [`Envelope::write`].
///
/// # Errors
/// As [`Envelope::of`].
pub fn render(entry: &Entry, id: EventId, scope: &Scope, now: Millis) -> Result<String, EntryRefusal> {
    Envelope::of(entry, id, scope, now).map(|envelope| envelope.write())
}

fn quote_all(text: &mut String, values: &[String]) {
    text.push('[');
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        quote(text, value);
    }
    text.push(']');
}

fn quote(text: &mut String, value: &str) {
    text.push_str(&serde_json::Value::from(value).to_string());
}

#[cfg(test)]
mod tests {
    use bascule_model::name::AccountId;
    use bascule_pattern::matcher::{Matcher, Scratch};

    use super::*;
    use crate::limits::DETAIL_LIMIT_LEVELS;

    #[test]
    fn the_deepest_detail_can_be_matched() {
        let scope = Scope::new("aws", "us-east-1", AccountId::parse("000000000012").unwrap()).unwrap();
        let detail = format!("{}1{}", "{\"a\":".repeat(DETAIL_LIMIT_LEVELS), "}".repeat(DETAIL_LIMIT_LEVELS));
        let entry = Entry { source: "s".to_owned(), detail_type: "t".to_owned(), detail, ..Entry::default() };
        let text = render(&entry, EventId([0x11; 16]), &scope, Millis(0)).unwrap();
        bascule_pattern::Event::parse(&text).unwrap();
        let envelope = Envelope::of(&entry, EventId([0x11; 16]), &scope, Millis(0)).unwrap();
        let (matcher, mut scratch, mut found) = (Matcher::default(), Scratch::default(), Vec::new());
        matcher.find_in(&envelope.fields(), envelope.detail(), &mut scratch, &mut found).unwrap();
    }

    #[test]
    fn an_entry_becomes_an_event() {
        let scope = Scope::new("aws", "us-east-1", AccountId::parse("000000000012").unwrap()).unwrap();
        let entry = Entry {
            source: "my \"app\"".to_owned(),
            detail_type: "line\nbreak".to_owned(),
            detail: " {\"a\": [1, 2.50, \"é\"]} ".to_owned(),
            resources: vec!["arn:x".to_owned(), "\\".to_owned()],
            ..Entry::default()
        };
        let id = EventId([0x11; 16]);
        let text = render(&entry, id, &scope, Millis(1_795_426_200_999)).unwrap();
        // What the sender wrote inside the detail stays as it is, byte for byte.
        assert_eq!(
            text,
            concat!(
                r#"{"version":"0","id":"11111111-1111-1111-1111-111111111111","detail-type":"line\nbreak","#,
                r#""source":"my \"app\"","account":"000000000012","time":"2026-11-23T09:30:00Z","region":"us-east-1","#,
                r#""resources":["arn:x","\\"],"detail":{"a": [1, 2.50, "é"]}}"#
            )
        );
        let timed = Entry { time: Some(Millis(1_000)), resources: Vec::new(), ..entry };
        let text = render(&timed, id, &scope, Millis(5)).unwrap();
        assert!(text.contains(r#""time":"1970-01-01T00:00:01Z""#) && text.contains(r#""resources":[]"#), "{text}");
    }
}
