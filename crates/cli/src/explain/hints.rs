//! What to do next: about each reason of the catalogue, about something that is not there, and about a connection that fails.

use std::collections::BTreeMap;

use bascule_api::reasons::Reason;

use crate::quote;
use crate::session::{FLAG, Place, VARIABLE};

/// Without chance there are neither request ids nor waits.
pub(super) const ENTROPY: &str = "check that /dev/urandom can be read";

/// What to do about a reason.
pub(super) fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::ValidationFailed | Reason::EntryInvalid | Reason::ScheduleInvalid => {
            "mend what is named and try again; `--help` has the form of each argument"
        }
        Reason::PolicyInvalid => {
            "mend the document; `bascule policy lint FILE --kind KIND` tells what is wrong with one without asking the cluster"
        }
        Reason::PolicyTooLong => {
            "make the document shorter; `bascule policy lint FILE --kind KIND` measures one without asking the cluster; inline policies of a user or \
             role share one limit"
        }
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
        Reason::AccessDenied => {
            "ask who administers the account for a policy that allows it; `bascule authz explain` says which statement decides"
        }
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
            "look at it with the noun's `describe` or `show`: it may still be in use, or not be ready yet"
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

/// What to do when something is denied, by what the refusal says of the call.
pub(super) fn denied(operation: &str, metadata: &BTreeMap<String, String>) -> String {
    let said = |key: &str| metadata.get(key).map(String::as_str).filter(|text| !text.is_empty());
    let principal = said("principal");
    match (operation, principal, said("action"), said("resource")) {
        ("GetCallerIdentity", Some(principal), ..) => {
            format!("you call as `{principal}`, and may not sts:GetCallerIdentity")
        }
        // It would be the way to ask why, and leads back here.
        ("SimulatePrincipalPolicy", ..) => {
            "ask who administers the account: it takes a policy that allows you iam:SimulatePrincipalPolicy".to_owned()
        }
        ("AssumeRole", ..) => "check the ARN of the role, with its path; its trust policy must admit you (`bascule role show NAME` shows it), \
             and for a role of another account a policy of yours must allow sts:AssumeRole too"
            .to_owned(),
        // Whoever is no user or role, with a certificate that nobody has for instance, has no policies to explain.
        (_, Some(principal), Some(action), on) if principal.starts_with("arn:") => {
            let words = [Some(principal), Some(action), on.filter(|arn| *arn != "*")];
            let words: Vec<String> = words.into_iter().flatten().map(quote::word).collect();
            format!(
                "ask who administers the account for a policy that allows it; `bascule authz explain {}` says which statement decides",
                words.join(" ")
            )
        }
        _ => reason(Reason::AccessDenied).to_owned(),
    }
}

/// What to do when the caller of a session is not known.
pub(super) fn session(place: &Place) -> String {
    let leave = match place {
        Place::Variable => format!("`unset {VARIABLE}`"),
        Place::File(path) => format!("leave `{FLAG} {}` out", quote::word(&path.to_string_lossy())),
    };
    format!(
        "the session has ended or was revoked, or was given to another certificate: {leave} to call as yourself, then `bascule role assume ROLE` \
         begins a new one"
    )
}

/// What to do when something of this kind is not in the state for it.
pub(super) fn invalid_state(kind: &str) -> &'static str {
    match kind {
        "policy" => {
            "look what it is attached to: `bascule org tree` shows it of control policies, `bascule user list` and `bascule role list` of \
             others, `-o wide` with boundaries"
        }
        "user" => "delete its access keys first: `bascule key list --user NAME` shows them",
        "policy version" => "put another version in force first: `bascule policy version set-default ARN VERSION`",
        "organizational unit" => "move or delete what is below it first: `bascule org tree` shows it",
        _ => reason(Reason::InvalidState),
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
        "user" => "`bascule user list` shows what is there; you may also lack the right to see it",
        "access key" => {
            "`bascule key list --user NAME` shows the keys of a user; you may also lack the right to see them"
        }
        "role" => "`bascule role list` shows what is there; you may also lack the right to see it",
        "policy" => {
            "`bascule policy list` shows managed policies, `bascule org policy list` control policies, the `show` of users and roles \
             their inline ones; you may also lack the right to see it"
        }
        "policy version" => "`bascule policy show ARN` shows its versions",
        "account" => "`bascule account list` shows what is there; you may also lack the right to see it",
        "organization" | "organizational unit" => {
            "`bascule org tree` shows what is there; you may also lack the right to see it"
        }
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
