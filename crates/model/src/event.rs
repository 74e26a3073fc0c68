//! An entry of PutEvents: its size by EventBridge's formula, and what is checked of it before its detail is read.

use crate::fault::Fault;
use crate::limits::{
    DETAIL_TYPE_LIMIT_CHARS, ENTRY_TIME_BYTES, PUT_EVENTS_LIMIT_BYTES, PUT_EVENTS_LIMIT_ENTRIES, RESOURCE_LIMIT_CHARS,
    TRACE_HEADER_LIMIT_CHARS,
};
use crate::time::Millis;

/// The service's words for a call of [`PUT_EVENTS_LIMIT_BYTES`] or more.
pub const OVER_SIZE: &str = "Total size of the entries in the request is over the limit.";

/// One entry as the caller sent it. Empty text counts as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Who says so.
    pub source: String,
    /// What it is, at most 128 characters.
    pub detail_type: String,
    /// A JSON object, not yet read.
    pub detail: String,
    /// What it concerns, each at most 2,048 characters.
    pub resources: Vec<String>,
    /// When it happened; the time of acceptance if absent.
    pub time: Option<Millis>,
    /// Name or ARN of the bus; the default bus if absent.
    pub bus: Option<String>,
    /// Trace header, 1 to 500 characters.
    pub trace_header: Option<String>,
}

/// The codes with which one entry is refused while others of its call go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryCode {
    /// A field cannot be.
    InvalidArgument,
    /// The detail is no JSON object.
    MalformedDetail,
    /// The source is reserved.
    NotAuthorizedForSource,
    /// A failure of ours; trying again helps.
    InternalFailure,
    /// Too much; trying again later helps.
    Throttling,
}

impl EntryCode {
    /// The `ErrorCode` of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::InvalidArgument => "InvalidArgument",
            Self::MalformedDetail => "MalformedDetail",
            Self::NotAuthorizedForSource => "NotAuthorizedForSourceException",
            Self::InternalFailure => "InternalFailure",
            Self::Throttling => "ThrottlingException",
        }
    }
}

/// Why one entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EntryRefusal {
    /// Its code.
    pub code: EntryCode,
    /// The service's words.
    pub message: String,
}

impl EntryRefusal {
    /// A detail that is no JSON object.
    #[must_use]
    pub fn malformed_detail() -> Self {
        Self { code: EntryCode::MalformedDetail, message: "Detail is malformed.".to_owned() }
    }

    /// A parameter that cannot be, in the service's words.
    #[must_use]
    pub fn argument(parameter: &str, reason: &str) -> Self {
        let message = format!("Parameter {parameter} is not valid. Reason: {reason}");
        Self { code: EntryCode::InvalidArgument, message }
    }
}

impl Entry {
    /// 14 bytes for a time, and the UTF-8 length of source, detail type, detail and resources. Bus and trace header are free.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let time = if self.time.is_some() { ENTRY_TIME_BYTES } else { 0 };
        let resources: usize = self.resources.iter().map(String::len).sum();
        time + self.source.len() + self.detail_type.len() + self.detail.len() + resources
    }

    /// Checks everything but that the detail is a JSON object.
    ///
    /// # Errors
    /// [`EntryRefusal`] for the first field that cannot be.
    pub fn check(&self) -> Result<(), EntryRefusal> {
        for (name, text) in [("Source", &self.source), ("DetailType", &self.detail_type), ("Detail", &self.detail)] {
            if text.is_empty() {
                return Err(EntryRefusal::argument(name, &format!("{name} is a required argument.")));
            }
        }
        let at_most = |name: &str, text: &str, max: usize| {
            if text.chars().count() > max {
                return Err(EntryRefusal::argument(name, &format!("{name} must have at most {max} characters.")));
            }
            Ok(())
        };
        at_most("DetailType", &self.detail_type, DETAIL_TYPE_LIMIT_CHARS)?;
        for resource in &self.resources {
            at_most("Resources", resource, RESOURCE_LIMIT_CHARS)?;
        }
        match self.trace_header.as_deref() {
            Some("") => Err(EntryRefusal::argument("TraceHeader", "TraceHeader must not be empty.")),
            Some(header) => at_most("TraceHeader", header, TRACE_HEADER_LIMIT_CHARS),
            None => Ok(()),
        }
    }

    /// Refuses the sources that only the inside may use: those that begin with `aws.` or `bascule.`.
    ///
    /// # Errors
    /// [`EntryRefusal`].
    pub fn check_from_outside(&self) -> Result<(), EntryRefusal> {
        if self.source.starts_with("aws.") || self.source.starts_with("bascule.") {
            let message = "Not authorized for the source.".to_owned();
            return Err(EntryRefusal { code: EntryCode::NotAuthorizedForSource, message });
        }
        Ok(())
    }
}

/// Checks count and total size of one call's entries.
///
/// # Errors
/// [`Fault::Invalid`] refuses the whole call.
pub fn check_call(entries: &[Entry]) -> Result<(), Fault> {
    if entries.is_empty() || entries.len() > PUT_EVENTS_LIMIT_ENTRIES {
        let reason = format!("there must be 1 to {PUT_EVENTS_LIMIT_ENTRIES} entries");
        return Err(Fault::invalid("Entries", reason, &entries.len().to_string()));
    }
    let total: usize = entries.iter().map(Entry::size_bytes).sum();
    // The guide says that it must be less.
    if total >= PUT_EVENTS_LIMIT_BYTES {
        return Err(Fault::invalid("Entries", OVER_SIZE, &total.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let text = str::to_owned;
        Entry { source: text("s"), detail_type: text("t"), detail: text("{}"), ..Entry::default() }
    }

    fn of(length: usize) -> String {
        "ä".repeat(length)
    }

    #[test]
    fn sizes_follow_the_formula() {
        let named = Entry { bus: Some("b".to_owned()), trace_header: Some("x".to_owned()), ..entry() };
        for (entry, bytes) in [
            (entry(), 4),
            (named, 4),
            (Entry { time: Some(Millis(1)), ..entry() }, 18),
            (Entry { source: of(2), resources: vec![of(1), of(3)], ..entry() }, 15),
        ] {
            assert_eq!(entry.size_bytes(), bytes, "{entry:?}");
        }
    }

    #[test]
    fn entries_are_refused_in_the_services_words() {
        let needed = |name: &str| format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        let none = String::new();
        for (entry, message) in [
            (entry(), None),
            (Entry { source: none.clone(), ..entry() }, Some(needed("Source"))),
            (Entry { detail_type: none.clone(), ..entry() }, Some(needed("DetailType"))),
            (Entry { detail: none.clone(), ..entry() }, Some(needed("Detail"))),
            (Entry { detail_type: of(128), resources: vec![of(2_048)], trace_header: Some(of(500)), ..entry() }, None),
        ] {
            assert_eq!(entry.check().err().map(|refusal| refusal.message), message, "{entry:?}");
        }
        for entry in [
            Entry { detail_type: of(129), ..entry() },
            Entry { resources: vec![of(1), of(2_049)], ..entry() },
            Entry { trace_header: Some(of(501)), ..entry() },
            Entry { trace_header: Some(none), ..entry() },
        ] {
            assert_eq!(entry.check().unwrap_err().code, EntryCode::InvalidArgument);
        }
        for (source, good) in [("aws.ec2", false), ("bascule.audit", false), ("aws", true), ("my.aws.x", true)] {
            assert_eq!(Entry { source: source.to_owned(), ..entry() }.check_from_outside().is_ok(), good, "{source}");
        }
        assert_eq!(EntryRefusal::malformed_detail().to_string(), "Detail is malformed.");
    }

    #[test]
    fn calls_hold_at_their_borders() {
        let big = |detail: usize| Entry { detail: "x".repeat(detail), ..entry() };
        for (entries, good) in [
            (vec![], false),
            (vec![entry(); 10], true),
            (vec![entry(); 11], false),
            (vec![big(PUT_EVENTS_LIMIT_BYTES - 3)], true),
            (vec![big(PUT_EVENTS_LIMIT_BYTES - 2)], false),
            (vec![big(PUT_EVENTS_LIMIT_BYTES - 7), entry()], true),
            (vec![big(PUT_EVENTS_LIMIT_BYTES - 6), entry()], false),
        ] {
            assert_eq!(check_call(&entries).is_ok(), good, "{} entries", entries.len());
        }
    }
}
