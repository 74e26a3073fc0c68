//! One event of `tracing` as one line: JSON with stable keys, or text for people; fields named like secrets are hidden in both.

use std::fmt;
use std::sync::Arc;

use bascule_model::ambient::Clock;
use bascule_model::time::Millis;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// A field whose name has one of these as a word is never shown.
const SECRET: [&str; 8] =
    ["authorization", "password", "secret", "token", "credential", "credentials", "cookie", "payload"];
/// The keys that every line has, in their order.
const OWN: [&str; 6] = ["ts", "level", "target", "msg", "node", "zone"];

/// Writes lines.
pub struct Lines {
    clock: Arc<dyn Clock>,
    json: bool,
    node: u64,
    zone: String,
}

impl Lines {
    /// Lines of this node.
    pub fn new(clock: Arc<dyn Clock>, json: bool, node: u64, zone: &str) -> Self {
        Self { clock, json, node, zone: zone.to_owned() }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let (level, target) = (event.metadata().level().as_str(), event.metadata().target());
        let ts = stamp(self.clock.wall());
        if !self.json {
            write!(out, "{ts} {level:5} {target}: {}", fields.message.escape_debug())?;
            for (name, value) in &fields.others {
                write!(out, " {name}={value}")?;
            }
            return writeln!(out);
        }
        // Written by hand, so that every line begins with the same keys in the same order.
        write!(out, "{{\"ts\":{},\"level\":{}", quoted(&ts), quoted(level))?;
        write!(out, ",\"target\":{},\"msg\":{}", quoted(target), quoted(&fields.message))?;
        write!(out, ",\"node\":{},\"zone\":{}", self.node, quoted(&self.zone))?;
        for (name, value) in &fields.others {
            write!(out, ",{}:{value}", quoted(name))?;
        }
        writeln!(out, "}}")
    }
}

/// RFC 3339 with milliseconds.
pub fn stamp(at: Millis) -> String {
    at.rfc3339_seconds().replace('Z', &format!(".{:03}Z", at.0 % 1_000))
}

fn quoted(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if name == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return;
        }
        let secret = name.split(['_', '.']).any(|word| SECRET.contains(&word));
        // A field may not pass itself off as one of the line's own keys.
        let name = if OWN.contains(&name) { format!("field_{name}") } else { name.to_owned() };
        self.others.push((name, if secret { quoted("hidden") } else { value }));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, quoted(&format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, quoted(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut next = value.source();
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        self.put(field, quoted(&text));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use bascule_model::time::BootMillis;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    struct Still;

    impl Clock for Still {
        fn wall(&self) -> Millis {
            Millis(1_795_426_200_007)
        }

        fn boot(&self) -> BootMillis {
            BootMillis(1)
        }
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Kept {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn written(json: bool, log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let lines = Lines::new(Arc::new(Still), json, 3, "zone-a");
        let layer = tracing_subscriber::fmt::layer().event_format(lines).with_writer(kept.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn log() {
        let error = io::Error::other("broken");
        tracing::warn!(target: "bascule_x", count = 2, access_token = "s3cret", node = "me", %error, "two\n\"words\"");
    }

    #[test]
    fn json_lines_have_stable_keys_and_no_secrets() {
        let line = written(true, log);
        let head = [
            r#"{"ts":"2026-11-23T09:30:00.007Z","level":"WARN","target":"bascule_x","#,
            r#""msg":"two\n\"words\"","node":3,"zone":"zone-a""#,
        ];
        assert!(line.starts_with(&head.concat()), "{line}");
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["count"], 2);
        assert_eq!(parsed["access_token"], "hidden");
        assert_eq!(parsed["field_node"], "me");
        assert_eq!(parsed["error"], "broken");
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn text_lines_stay_on_one_line_without_secrets() {
        let line = written(false, log);
        let head = r#"2026-11-23T09:30:00.007Z WARN  bascule_x: two\n\"words\" count=2 access_token="hidden""#;
        assert!(line.starts_with(head), "{line}");
        assert!(line.matches('\n').count() == 1 && !line.contains("s3cret"), "{line}");
    }
}
