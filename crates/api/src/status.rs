//! A refusal with everything that it says, as a gRPC status with google.rpc details and back.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::error::Error;
use crate::limits::{
    DETAIL_TEXT_MAX_BYTES, DETAILS_TEXT_MAX_BYTES, MESSAGE_TEXT_MAX_BYTES, METADATA_MAX_COUNT, VIOLATIONS_MAX_COUNT,
};
use crate::reasons::{DOMAIN, Reason};

/// Why a call was refused. Build one with [`Refusal::new`] and the `with_` functions.
///
/// Texts are for people: lower case, naming field, limit and value, never a secret. What the message says must also be
/// in the metadata or in a violation (AIP-193), so that programs need not read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, with its code and AWS error.
    pub reason: Reason,
    /// For people, at most 512 bytes on the wire.
    pub message: String,
    /// The variable parts of the message: keys `[a-z][a-zA-Z0-9_-]*`, at most 16 pairs on the wire.
    pub metadata: BTreeMap<String, String>,
    /// Fields that are wrong, as `google.rpc.BadRequest`; at most 10 on the wire.
    pub fields: Vec<Violation>,
    /// Quotas that are used up, as `google.rpc.QuotaFailure`; at most 10 on the wire.
    pub quotas: Vec<Violation>,
    /// What it is about, as `google.rpc.ResourceInfo`.
    pub resource: Option<Resource>,
    /// How long to wait before the same call, as `google.rpc.RetryInfo`.
    pub retry_after: Option<Duration>,
    /// Name of the call in the audit log, as `google.rpc.RequestInfo`.
    pub request_id: Option<String>,
}

/// One field or quota and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, for instance `entries[2].detail`; or the quota's name and scope.
    pub subject: String,
    /// What is wrong, with limit and value.
    pub description: String,
}

/// What a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its kind, for instance `event bus`.
    pub kind: String,
    /// Its name or ARN, as the caller gave it.
    pub name: String,
}

impl Refusal {
    /// A refusal that says nothing but its reason and a message.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            metadata: BTreeMap::new(),
            fields: Vec::new(),
            quotas: Vec::new(),
            resource: None,
            retry_after: None,
            request_id: None,
        }
    }

    /// Adds a variable part of the message.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Adds a field that is wrong.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.fields.push(Violation { subject: field.into(), description: description.into() });
        self
    }

    /// Adds a quota that is used up.
    #[must_use]
    pub fn with_quota(mut self, subject: impl Into<String>, description: impl Into<String>) -> Self {
        self.quotas.push(Violation { subject: subject.into(), description: description.into() });
        self
    }

    /// Says what it is about.
    #[must_use]
    pub fn with_resource(mut self, kind: impl Into<String>, name: impl Into<String>) -> Self {
        self.resource = Some(Resource { kind: kind.into(), name: name.into() });
        self
    }

    /// Says how long to wait before the same call.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Names the call.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// The status for the wire. Texts and lists beyond the limits are cut and, when the room of a trailer is used up,
    /// left out: metadata goes first into it, then resource, fields and quotas.
    ///
    /// Callers who are not known get the reason and the request id only: anything more would help them guess.
    pub fn to_status(&self) -> Status {
        let mut details = ErrorDetails::new();
        let mut room = Room(DETAILS_TEXT_MAX_BYTES);
        if let Some(request_id) = self.request_id.as_ref().and_then(|id| room.take([id])) {
            let [request_id] = request_id;
            details.set_request_info(request_id, "");
        }
        if self.reason.code() == Code::Unauthenticated {
            details.set_error_info(self.reason.name(), DOMAIN, HashMap::new());
            return Status::with_error_details(self.reason.code(), "the caller is not known", details);
        }
        let message = cut(&self.message, MESSAGE_TEXT_MAX_BYTES);
        // The message travels twice: as itself, and inside the details.
        room.0 -= 2 * message.len();
        let pairs = self.metadata.iter().take(METADATA_MAX_COUNT);
        let pairs = pairs.map_while(|(key, value)| room.take([key, value]).map(|[key, value]| (key, value)));
        details.set_error_info(self.reason.name(), DOMAIN, pairs.collect::<HashMap<_, _>>());
        if let Some([kind, name]) = self.resource.as_ref().and_then(|it| room.take([&it.kind, &it.name])) {
            details.set_resource_info(kind, name, "", "");
        }
        for [field, description] in self.fields.iter().take(VIOLATIONS_MAX_COUNT).map_while(|it| room.violation(it)) {
            details.add_bad_request_violation(field, description);
        }
        for [quota, description] in self.quotas.iter().take(VIOLATIONS_MAX_COUNT).map_while(|it| room.violation(it)) {
            details.add_quota_failure_violation(quota, description);
        }
        if let Some(wait) = self.retry_after {
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(self.reason.code(), message, details)
    }

    /// Reads a status back.
    ///
    /// # Errors
    /// [`Error::Foreign`] when the status has no `ErrorInfo` of our domain with a reason of this catalogue, or when its
    /// details do not decode: then something else made it, and only its code is worth anything.
    pub fn from_status(status: &Status) -> Result<Self, Error> {
        let foreign = || Error::Foreign { code: status.code(), message: status.message().to_owned() };
        let details = status.check_error_details().map_err(|_| foreign())?;
        let info = details.error_info().filter(|info| info.domain == DOMAIN).ok_or_else(foreign)?;
        let reason = Reason::from_name(&info.reason).filter(|r| r.code() == status.code()).ok_or_else(foreign)?;
        let mut refusal = Self::new(reason, status.message());
        refusal.metadata = info.metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        for field in details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default() {
            refusal = refusal.with_field(&field.field, &field.description);
        }
        for quota in details.quota_failure().map(|failure| failure.violations.as_slice()).unwrap_or_default() {
            refusal = refusal.with_quota(&quota.subject, &quota.description);
        }
        if let Some(resource) = details.resource_info() {
            refusal = refusal.with_resource(&resource.resource_type, &resource.resource_name);
        }
        refusal.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        refusal.request_id = details.request_info().map(|info| info.request_id.clone());
        Ok(refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.reason.name())
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.to_status()
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        match Refusal::from_status(&status) {
            Ok(refusal) => Error::Refused(Box::new(refusal)),
            Err(foreign) => foreign,
        }
    }
}

/// What is left of a status's room for texts, in bytes.
struct Room(usize);

impl Room {
    /// The texts, each cut to its limit; none when they do not fit any more.
    fn take<const N: usize>(&mut self, texts: [&String; N]) -> Option<[String; N]> {
        let texts = texts.map(|text| cut(text, DETAIL_TEXT_MAX_BYTES));
        // Tags and lengths of protobuf take a few bytes beside each text.
        let cost = texts.iter().map(|text| text.len() + 6).sum();
        self.0 = self.0.checked_sub(cost)?;
        Some(texts)
    }

    fn violation(&mut self, violation: &Violation) -> Option<[String; 2]> {
        self.take([&violation.subject, &violation.description])
    }
}

/// At most `max` bytes of a text, whole characters only.
fn cut(text: &str, max: usize) -> String {
    text[..text.floor_char_boundary(max)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STATUS_MAX_BYTES;

    fn full(reason: Reason) -> Refusal {
        Refusal::new(reason, "field `entries[2].detail` is no object")
            .with_metadata("field", "entries[2].detail")
            .with_metadata("limit", "10")
            .with_field("entries[2].detail", "detail is no object")
            .with_field("entries[3].source", "source is required")
            .with_quota("bus:default/rules", "300 of 300 rules")
            .with_resource("event bus", "default")
            .with_retry_after(Duration::from_millis(1_250))
            .with_request_id("9f0c")
    }

    #[test]
    fn every_reason_comes_back_whole() {
        for reason in Reason::ALL.iter().copied().filter(|r| r.code() != Code::Unauthenticated) {
            let bare = Refusal::new(reason, "no");
            for refusal in [bare, full(reason)] {
                let status = refusal.to_status();
                assert_eq!(status.code(), reason.code(), "{reason:?}");
                assert_eq!(Refusal::from_status(&status).unwrap(), refusal, "{reason:?}");
                // The bytes that travel are enough: details alone, in a status made anew.
                let wire = status.details().to_vec();
                let again = Status::with_details(status.code(), status.message(), wire.into());
                assert_eq!(Refusal::from_status(&again).unwrap(), refusal, "{reason:?}");
            }
        }
    }

    #[test]
    fn unknown_callers_learn_reason_and_request_id_only() {
        for reason in [Reason::Unauthenticated, Reason::CredentialsExpired] {
            let read = Refusal::from_status(&full(reason).to_status()).unwrap();
            assert_eq!(read, Refusal::new(reason, "the caller is not known").with_request_id("9f0c"));
        }
    }

    #[test]
    fn what_others_made_is_foreign() {
        let details = |reason: &str, domain: &str| {
            let mut details = ErrorDetails::new();
            details.set_error_info(reason, domain, HashMap::new());
            details
        };
        let rows = [
            ("no details", Status::unavailable("gone")),
            ("no error info", Status::with_error_details(Code::Unavailable, "gone", ErrorDetails::new())),
            ("other domain", Status::with_error_details(Code::Unavailable, "gone", details("DRAINING", "example.com"))),
            ("newer reason", Status::with_error_details(Code::Unavailable, "gone", details("NEWER", DOMAIN))),
            ("other code", Status::with_error_details(Code::Unavailable, "gone", details("THROTTLED", DOMAIN))),
            ("no protobuf", Status::with_details(Code::Unavailable, "gone", vec![0xff, 0x01].into())),
        ];
        for (what, status) in rows {
            match Refusal::from_status(&status) {
                Err(Error::Foreign { code: Code::Unavailable, message }) => assert_eq!(message, "gone", "{what}"),
                other => panic!("{what}: {other:?}"),
            }
        }
    }

    /// Bytes of the trailers: details in base64, the message with every byte percent-encoded at worst.
    fn trailers(status: &Status) -> usize {
        status.details().len().div_ceil(3) * 4 + status.message().len() * 3
    }

    #[test]
    fn a_status_stays_small() {
        for text in ["ä".repeat(5_000), "ab".repeat(60), "x".into(), String::new()] {
            let mut refusal = Refusal::new(Reason::ValidationFailed, &text).with_resource(&text, &text);
            for n in 0..100 {
                refusal =
                    refusal.with_field(&text, &text).with_quota(&text, &text).with_metadata(format!("k{n}"), &text);
            }
            let refusal = refusal.with_request_id(&text).with_retry_after(Duration::MAX);
            let status = refusal.to_status();
            assert!(trailers(&status) + 256 < STATUS_MAX_BYTES, "{}", trailers(&status));
            let read = Refusal::from_status(&status).unwrap();
            assert!(refusal.message.starts_with(&read.message) && read.message.len() <= MESSAGE_TEXT_MAX_BYTES);
            assert!(!read.metadata.is_empty() && read.metadata.len() <= METADATA_MAX_COUNT);
            assert!(read.fields.len() <= VIOLATIONS_MAX_COUNT && read.quotas.len() <= VIOLATIONS_MAX_COUNT);
            if text.len() < 100 {
                assert_eq!((read.fields.len(), read.quotas.len()), (VIOLATIONS_MAX_COUNT, VIOLATIONS_MAX_COUNT));
            }
        }
    }
}
