//! The error codes of dead letters, word for word EventBridge's.

/// Why a delivery failed, as `ERROR_CODE` of its dead letter says
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// No connection, or one that broke before an answer.
    ConnectionFailure,
    /// Another account's bus refused the event.
    CrossAccountIngestionFailed,
    /// Another region's bus refused the event.
    CrossRegionIngestionFailed,
    /// The target answered that it failed.
    ErrorFromTarget,
    /// The target refused some events of a batch.
    EventsInBatchRequestRejected,
    /// The role could not be assumed.
    FailedToAssumeRole,
    /// A fault of this house.
    InternalError,
    /// What was to be sent is no JSON.
    InvalidJson,
    /// What was to be sent, or how, cannot be.
    InvalidParameter,
    /// The call was not allowed.
    NoPermissions,
    /// The target is not there.
    NoResource,
    /// What was to be made is there already.
    ResourceAlreadyExists,
    /// The target is full.
    ResourceLimitExceeded,
    /// Others change the target at the same time.
    ResourceModificationCollision,
    /// The target refused the call.
    SdkClientError,
    /// The event went through too many accounts.
    ThirdAccountHopDetected,
    /// The event went through too many regions.
    ThirdRegionHopDetected,
    /// The target asks for fewer calls.
    Throttling,
    /// No answer in time.
    Timeout,
    /// The role could not be assumed just now.
    TransientAssumeRole,
    /// None of the others.
    Unknown,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 21] = [
        Self::ConnectionFailure,
        Self::CrossAccountIngestionFailed,
        Self::CrossRegionIngestionFailed,
        Self::ErrorFromTarget,
        Self::EventsInBatchRequestRejected,
        Self::FailedToAssumeRole,
        Self::InternalError,
        Self::InvalidJson,
        Self::InvalidParameter,
        Self::NoPermissions,
        Self::NoResource,
        Self::ResourceAlreadyExists,
        Self::ResourceLimitExceeded,
        Self::ResourceModificationCollision,
        Self::SdkClientError,
        Self::ThirdAccountHopDetected,
        Self::ThirdRegionHopDetected,
        Self::Throttling,
        Self::Timeout,
        Self::TransientAssumeRole,
        Self::Unknown,
    ];

    /// The word of a dead letter's attribute.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ConnectionFailure => "CONNECTION_FAILURE",
            Self::CrossAccountIngestionFailed => "CROSS_ACCOUNT_INGESTION_FAILED",
            Self::CrossRegionIngestionFailed => "CROSS_REGION_INGESTION_FAILED",
            Self::ErrorFromTarget => "ERROR_FROM_TARGET",
            Self::EventsInBatchRequestRejected => "EVENTS_IN_BATCH_REQUEST_REJECTED",
            Self::FailedToAssumeRole => "FAILED_TO_ASSUME_ROLE",
            Self::InternalError => "INTERNAL_ERROR",
            Self::InvalidJson => "INVALID_JSON",
            Self::InvalidParameter => "INVALID_PARAMETER",
            Self::NoPermissions => "NO_PERMISSIONS",
            Self::NoResource => "NO_RESOURCE",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::ResourceLimitExceeded => "RESOURCE_LIMIT_EXCEEDED",
            Self::ResourceModificationCollision => "RESOURCE_MODIFICATION_COLLISION",
            Self::SdkClientError => "SDK_CLIENT_ERROR",
            Self::ThirdAccountHopDetected => "THIRD_ACCOUNT_HOP_DETECTED",
            Self::ThirdRegionHopDetected => "THIRD_REGION_HOP_DETECTED",
            Self::Throttling => "THROTTLING",
            Self::Timeout => "TIMEOUT",
            Self::TransientAssumeRole => "TRANSIENT_ASSUME_ROLE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// Reads the word back; `None` for any other.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_word_is_one_code() {
        assert_eq!(Code::ALL.iter().collect::<BTreeSet<_>>().len(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(Code::parse(code.word()), Some(code));
        }
        assert_eq!(Code::parse("timeout"), None);
    }
}
