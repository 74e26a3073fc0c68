//! The closed catalogue of error reasons: name, canonical gRPC code, AWS error, and whether a repetition makes sense.

use tonic::Code;

/// The domain of every reason, as in `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "bascule";

/// What an answer with a reason says about repeating the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The same call fails the same way until somebody changes something.
    Never,
    /// Nothing was done, and the same call may succeed later.
    Later,
    /// It is not known whether something was done: only a call that may happen twice may be repeated.
    Unknown,
}

macro_rules! catalogue {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $code:ident $aws:literal $again:ident;)+) => {
        /// Why a call, or one entry of a call, was refused. Closed: a new reason is a change of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $variant,)+ }

        impl Reason {
            /// Every reason, in the catalogue's order.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)+];

            /// The name on the wire, UPPER_SNAKE_CASE, at most 63 characters.
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$variant => $name,)+ }
            }

            /// The canonical gRPC code of a call that is refused for this reason.
            pub const fn code(self) -> Code {
                match self { $(Reason::$variant => Code::$code,)+ }
            }

            /// The error that AWS's wire has for it: shape names of the services' models.
            pub const fn aws_error(self) -> &'static str {
                match self { $(Reason::$variant => $aws,)+ }
            }

            /// What the reason says about repeating the call.
            pub const fn again(self) -> Again {
                match self { $(Reason::$variant => Again::$again,)+ }
            }
        }
    };
}

catalogue! {
    /// A field is missing, too long or of the wrong shape.
    ValidationFailed "VALIDATION_FAILED" InvalidArgument "ValidationException" Never;
    /// An event pattern does not compile.
    EventPatternInvalid "EVENT_PATTERN_INVALID" InvalidArgument "InvalidEventPatternException" Never;
    /// A schedule expression does not parse, or stands where none may.
    ScheduleInvalid "SCHEDULE_INVALID" InvalidArgument "ValidationException" Never;
    /// A policy document does not parse or says something that its place does not allow.
    PolicyInvalid "POLICY_INVALID" InvalidArgument "ValidationException" Never;
    /// A policy document is longer than its limit.
    PolicyTooLong "POLICY_TOO_LONG" InvalidArgument "PolicyLengthExceededException" Never;
    /// A page token is not one of ours, too old, or of a list with other filters.
    PageTokenInvalid "PAGE_TOKEN_INVALID" InvalidArgument "ValidationException" Never;
    /// A request id was used before with other content.
    RequestIdReused "REQUEST_ID_REUSED" FailedPrecondition "ValidationException" Never;
    /// A name, tag or description looks like a secret.
    SecretInText "SECRET_IN_TEXT" InvalidArgument "ValidationException" Never;
    /// An outgoing address is of a kind that targets may not have.
    TargetAddressRefused "TARGET_ADDRESS_REFUSED" InvalidArgument "ValidationException" Never;
    /// A call came without a deadline.
    DeadlineMissing "DEADLINE_MISSING" InvalidArgument "ValidationException" Never;
    /// A request is larger than the limit of its kind.
    RequestTooLarge "REQUEST_TOO_LARGE" OutOfRange "ValidationException" Never;
    /// No such operation.
    OperationUnknown "OPERATION_UNKNOWN" Unimplemented "UnknownOperationException" Never;

    /// A field of an entry is missing, too long or of the wrong shape.
    EntryInvalid "ENTRY_INVALID" InvalidArgument "InvalidArgument" Never;
    /// An entry's detail is no JSON object.
    EntryDetailMalformed "ENTRY_DETAIL_MALFORMED" InvalidArgument "MalformedDetail" Never;
    /// An entry's detail breaks the schema that its bus enforces.
    EntrySchemaViolated "ENTRY_SCHEMA_VIOLATED" InvalidArgument "InvalidArgument" Never;
    /// An entry's bus names an account that is none.
    EntryAccountInvalid "ENTRY_ACCOUNT_INVALID" InvalidArgument "InvalidAccountIdException" Never;
    /// An entry's source is not the caller's to use.
    EntrySourceReserved "ENTRY_SOURCE_RESERVED" PermissionDenied "NotAuthorizedForSourceException" Never;
    /// An entry's detail type is not the caller's to use.
    EntryDetailTypeReserved "ENTRY_DETAIL_TYPE_RESERVED" PermissionDenied "NotAuthorizedForDetailTypeException" Never;

    /// The caller is not known. The answer says no more than that.
    Unauthenticated "UNAUTHENTICATED" Unauthenticated "UnrecognizedClientException" Never;
    /// The caller's session or certificate is past its end.
    CredentialsExpired "CREDENTIALS_EXPIRED" Unauthenticated "ExpiredTokenException" Never;
    /// No policy allows it, or one denies it.
    AccessDenied "ACCESS_DENIED" PermissionDenied "AccessDeniedException" Never;

    /// It does not exist, or the caller may not know that it does.
    ResourceNotFound "RESOURCE_NOT_FOUND" NotFound "ResourceNotFoundException" Never;
    /// The name is taken.
    ResourceAlreadyExists "RESOURCE_ALREADY_EXISTS" AlreadyExists "ResourceAlreadyExistsException" Never;
    /// Something else uses it.
    ResourceInUse "RESOURCE_IN_USE" FailedPrecondition "ValidationException" Never;
    /// The bus has rules and cannot be deleted.
    BusHasRules "BUS_HAS_RULES" FailedPrecondition "ValidationException" Never;
    /// The rule has targets and cannot be deleted.
    RuleHasTargets "RULE_HAS_TARGETS" FailedPrecondition "ValidationException" Never;
    /// The rule belongs to a service.
    ManagedRule "MANAGED_RULE" FailedPrecondition "ManagedRuleException" Never;
    /// The resource is in a state that does not admit the operation.
    InvalidState "INVALID_STATE" FailedPrecondition "InvalidStateException" Never;
    /// The replay is in a state that does not admit the operation.
    IllegalStatus "ILLEGAL_STATUS" FailedPrecondition "IllegalStatusException" Never;
    /// The operation is switched off here.
    OperationDisabled "OPERATION_DISABLED" FailedPrecondition "OperationDisabledException" Never;
    /// What the decision read changed again and again while it was made.
    ConcurrentModification "CONCURRENT_MODIFICATION" Aborted "ConcurrentModificationException" Later;
    /// A receipt handle is not one of this queue.
    ReceiptHandleInvalid "RECEIPT_HANDLE_INVALID" InvalidArgument "ReceiptHandleIsInvalid" Never;
    /// The message of a receipt handle was received again or is gone.
    ReceiptHandleStale "RECEIPT_HANDLE_STALE" FailedPrecondition "MessageNotInflight" Never;

    /// A quota of the account or bus is used up.
    LimitExceeded "LIMIT_EXCEEDED" ResourceExhausted "LimitExceededException" Never;
    /// Too many messages of the queue are in flight.
    InFlightLimitExceeded "IN_FLIGHT_LIMIT_EXCEEDED" ResourceExhausted "OverLimit" Later;
    /// The caller is over its rate.
    Throttled "THROTTLED" ResourceExhausted "ThrottlingException" Later;
    /// The disk's watermark is reached; deleting and consuming still work.
    StorageFull "STORAGE_FULL" ResourceExhausted "InternalException" Later;

    /// The node has more work than it takes.
    Overloaded "OVERLOADED" Unavailable "ThrottlingException" Later;
    /// The node is about to stop; another will serve.
    Draining "DRAINING" Unavailable "InternalException" Later;
    /// The group has no leader now, and the call was not proposed.
    NoLeader "NO_LEADER" Unavailable "InternalException" Later;
    /// The node's view is older than it may be, or has not reached the control index asked for.
    StaleView "STALE_VIEW" Unavailable "InternalException" Later;
    /// The key that the call needs cannot be used now.
    KeyUnavailable "KEY_UNAVAILABLE" Unavailable "InternalException" Later;
    /// The call cannot be recorded, so it does not happen.
    AuditUnavailable "AUDIT_UNAVAILABLE" Unavailable "InternalException" Later;

    /// The call was proposed, and its outcome is not known.
    OutcomeUnknown "OUTCOME_UNKNOWN" Unknown "InternalException" Unknown;
    /// The deadline passed first; the outcome is not known.
    DeadlineExceeded "DEADLINE_EXCEEDED" DeadlineExceeded "InternalException" Unknown;
    /// The caller withdrew the call; the outcome is not known.
    Cancelled "CANCELLED" Cancelled "InternalException" Never;
    /// A fault of ours; the request id leads to its cause.
    Internal "INTERNAL" Internal "InternalException" Never;
}

impl Reason {
    /// The reason with this name on the wire; none for a name of a newer or another catalogue.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }

    /// The `ErrorCode` that PutEvents on AWS's wire has for one entry; entries and calls differ for faults of ours.
    pub fn aws_entry_error(self) -> &'static str {
        match self.aws_error() {
            "InternalException" => "InternalFailure",
            "ValidationException" => "InvalidArgument",
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::limits::REASON_MAX_CHARS;

    /// AWS error names that exist: EventBridge's model, its entry codes, SQS, and the names that front doors share.
    const AWS_ERRORS: &[&str] = &[
        "AccessDeniedException",
        "ConcurrentModificationException",
        "ExpiredTokenException",
        "IllegalStatusException",
        "InternalException",
        "InvalidAccountIdException",
        "InvalidArgument",
        "InvalidEventPatternException",
        "InvalidStateException",
        "LimitExceededException",
        "MalformedDetail",
        "ManagedRuleException",
        "MessageNotInflight",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
        "OperationDisabledException",
        "OverLimit",
        "PolicyLengthExceededException",
        "ReceiptHandleIsInvalid",
        "ResourceAlreadyExistsException",
        "ResourceNotFoundException",
        "ThrottlingException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
    ];

    #[test]
    fn names_are_upper_snake_short_and_unique() {
        let mut seen = BTreeSet::new();
        for reason in Reason::ALL {
            let name = reason.name();
            assert!((1..=REASON_MAX_CHARS).contains(&name.len()), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'), "{name}");
            assert!(name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.ends_with('_'), "{name}");
            assert!(!name.contains("__"), "{name}");
            assert!(seen.insert(name), "{name} stands twice");
            assert_eq!(Reason::from_name(name), Some(*reason));
            // The variant spells the name, so that a log of either finds the other.
            assert_eq!(format!("{reason:?}").to_ascii_uppercase(), name.replace('_', ""), "{name}");
        }
        assert_eq!(Reason::from_name("SOMETHING_NEWER"), None);
    }

    #[test]
    fn every_reason_has_an_error_of_aws_and_a_code() {
        for reason in Reason::ALL {
            assert!(AWS_ERRORS.contains(&reason.aws_error()), "{reason:?}");
            assert_ne!(reason.code(), Code::Ok, "{reason:?}");
        }
        for error in AWS_ERRORS {
            assert!(Reason::ALL.iter().any(|reason| reason.aws_error() == *error), "{error} is reached by no reason");
        }
    }

    #[test]
    fn codes_agree_with_repetition() {
        for reason in Reason::ALL {
            match reason.code() {
                Code::Unavailable | Code::Aborted => assert_eq!(reason.again(), Again::Later, "{reason:?}"),
                Code::InvalidArgument | Code::PermissionDenied | Code::NotFound | Code::FailedPrecondition => {
                    assert_eq!(reason.again(), Again::Never, "{reason:?}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn entries_have_their_own_aws_codes() {
        let rows = [
            (Reason::Internal, "InternalFailure"),
            (Reason::NoLeader, "InternalFailure"),
            (Reason::Throttled, "ThrottlingException"),
            (Reason::EntryDetailMalformed, "MalformedDetail"),
            (Reason::ValidationFailed, "InvalidArgument"),
        ];
        for (reason, code) in rows {
            assert_eq!(reason.aws_entry_error(), code, "{reason:?}");
        }
    }
}
