//! What to do next: about each reason of the catalogue, about something that is not there, and about a connection that fails.

use bascule_api::reasons::Reason;

/// Without chance there are neither request ids nor waits.
pub(super) const ENTROPY: &str = "check that /dev/urandom can be read";

/// What to do about a reason.
pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::ValidationFailed
        | Reason::EntryInvalid
        | Reason::ScheduleInvalid
        | Reason::PolicyInvalid
        | Reason::PolicyTooLong => "mend what is named and try again; `--help` has the form of each argument",
        Reason::EventPatternInvalid => "mend the pattern; `bascule pattern test` tries one without changing anything",
        Reason::EntryDetailMalformed => "give a JSON object as detail",
        Reason::EntrySchemaViolated => "send a detail that the schema of the bus allows",
        Reason::EntryAccountInvalid => "check the account in the bus's ARN",
        Reason::EntrySourceReserved => "use a source of your own, such as `com.example.orders`",
        Reason::EntryDetailTypeReserved => "use a detail type of your own",
        Reason::PageTokenInvalid => "start the list anew",
        Reason::RequestIdReused => "leave `--request-id` out, or give a new one",
        Reason::SecretInText => "take the secret out of the text; secrets are given in files",
        Reason::TargetAddressRefused => "use an address that the cluster's rules for outgoing requests allow",
        Reason::DeadlineMissing | Reason::OperationUnknown => "check that `bascule version` fits the cluster",
        Reason::RequestTooLarge => "send less at once",
        Reason::Unauthenticated => "check that the certificate of the context is one of this cluster",
        Reason::CredentialsExpired => "get a new certificate and name it in the context file",
        Reason::AccessDenied => "ask for a policy that allows it; the request id leads to the decision",
        Reason::ResourceNotFound => {
            "check the name and the bus with the noun's `list`; you may also lack the right to see it"
        }
        Reason::ResourceAlreadyExists => "choose another name, or change the one that is there",
        Reason::ResourceInUse => "delete first what uses it",
        Reason::BusHasRules => "delete the rules of the bus first: `bascule rule list --bus NAME`",
        Reason::RuleHasTargets => {
            "remove its targets first: `bascule target list --rule NAME`, then `bascule target remove`"
        }
        Reason::ManagedRule => "change it through the service that owns it; `--force` removes it all the same",
        Reason::InvalidState | Reason::IllegalStatus => {
            "look at it with the noun's `describe`, and wait until it is ready"
        }
        Reason::OperationDisabled => "ask the cluster's operators to switch it on",
        Reason::ConcurrentModification => "try again",
        Reason::ReceiptHandleInvalid => "use a handle that `bascule queue receive` of this queue printed",
        Reason::ReceiptHandleStale => {
            "receive the message again; the handle was good until its visibility timeout ended"
        }
        Reason::LimitExceeded => "delete what is not needed any more, or ask the operators for a higher quota",
        Reason::InFlightLimitExceeded => "delete messages that were received and dealt with",
        Reason::Throttled | Reason::Overloaded => "send more slowly, and try again",
        Reason::StorageFull => "consume or delete messages, or ask the operators for more disk",
        Reason::Draining | Reason::NoLeader | Reason::StaleView => "try again; another node takes over",
        Reason::KeyUnavailable => "ask the operators whether the key service can be reached",
        Reason::AuditUnavailable => "ask the operators whether the audit log can be written",
        Reason::OutcomeUnknown | Reason::DeadlineExceeded | Reason::Cancelled => {
            "try again, with more time: `--timeout SECONDS`"
        }
        Reason::Internal => "give the request id to the operators; it leads to the cause",
    }
}

/// What to do when something of this kind is not there.
pub(super) fn not_found(kind: &str) -> &'static str {
    match kind {
        "event bus" => "`bascule bus list` shows what is there; you may also lack the right to see it",
        "rule" => "`bascule rule list --bus NAME` shows what is there; you may also lack the right to see it",
        "target" => "`bascule target list --rule NAME` shows what is there; you may also lack the right to see it",
        "connection" => "`bascule connection list` shows what is there; you may also lack the right to see it",
        "api destination" => "`bascule destination list` shows what is there; you may also lack the right to see it",
        "queue" => "`bascule queue list` shows what is there; you may also lack the right to see it",
        "event" => {
            "an event stands on the bus of `--bus` until its deliveries have ended; `bascule dead-letter list --bus NAME` shows \
             those that failed, `bascule delivery describe --rule NAME` counts all; what only queues wanted is their message"
        }
        _ => reason(Reason::ResourceNotFound),
    }
}

/// What to do about a certificate that the cluster refuses with this TLS alert.
pub(super) fn alert(alert: &str) -> &'static str {
    match alert {
        "CertificateExpired" => "get a new certificate and name it in the context file; check this machine's clock too",
        "CertificateRevoked" => "it was withdrawn: get a new certificate and name it in the context file",
        _ => "check that `certificate` of the context was issued by the authority of this very cluster",
    }
}

/// What to do when there is no connection, by what the transport says.
pub(super) fn unreachable(why: &str) -> &'static str {
    let says = |word: &str| why.contains(word);
    if says("not valid for name") {
        "name the cluster in `endpoint` by a name that its certificate has"
    } else if says("invalid peer certificate") {
        "check that `ca` of the context is the authority of this very cluster, and this machine's clock"
    } else if says("corrupt message") {
        "what listens at `endpoint` does not speak TLS: check its port"
    } else if says("dns error") {
        "check the host of `endpoint` in the context"
    } else {
        "check that the cluster runs, and that `endpoint` of the context is its own"
    }
}
