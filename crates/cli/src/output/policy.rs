//! Managed policies, control policies and verdicts on documents as records.

use bascule_api::iam::v1::{ControlPolicy, ControlPolicyType, Policy, PolicyVersion};
use bascule_policy::{Invalid, Kind};

use crate::output::record::{Item, Record};
use crate::output::{Part, View, document};

/// What is known of a policy beside what it says.
fn about(policy: &Policy) -> Record {
    let counts = |record: Record| match policy.shipped {
        // Shipped policies are not counted, and 0 would be taken for a count.
        true => record,
        false => record
            .number("AttachmentCount", u64::from(policy.attachment_count))
            .number("PermissionsBoundaryUsageCount", u64::from(policy.permissions_boundary_usage_count)),
    };
    let record = Record::new()
        .text("PolicyName", &policy.policy_name)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text("Description", &policy.description)
        .text("DefaultVersionId", &policy.default_version_id);
    counts(record)
        .flag("Shipped", policy.shipped)
        .time("CreationTime", policy.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", policy.last_modified_time.as_ref().map(|time| time.seconds))
}

/// Everything about a policy.
pub fn record(policy: &Policy) -> Record {
    let versions = policy.versions.iter().map(|it| Item::Record(version(it))).collect();
    about(policy).text("PolicyDocument", &policy.policy_document).list("Versions", versions)
}

/// Everything about a version.
pub fn version(version: &PolicyVersion) -> Record {
    Record::new()
        .text("VersionId", &version.version_id)
        .flag("IsDefaultVersion", version.is_default_version)
        .text("Document", &version.document)
        .time("CreationTime", version.creation_time.as_ref().map(|time| time.seconds))
}

/// A policy with its documents.
pub fn one(policy: &Policy) -> View {
    let mut parts = vec![Part::Fields(about(policy).flat())];
    if policy.versions.is_empty() && !policy.policy_document.is_empty() {
        parts.push(document::below("in force:", &policy.policy_document));
    }
    for version in &policy.versions {
        let in_force = if version.is_default_version { ", in force" } else { "" };
        parts.push(document::below(&format!("version `{}`{in_force}:", version.version_id), &version.document));
    }
    View::new(parts, record(policy))
}

/// A list of policies.
pub fn list(policies: &[Policy]) -> View {
    let columns = [
        ("NAME", "PolicyName"),
        ("SHIPPED", "Shipped"),
        ("VERSION", "DefaultVersionId"),
        ("ATTACHED", "AttachmentCount"),
        ("ARN", "Arn"),
    ];
    let more = [
        ("LIMITS", "PermissionsBoundaryUsageCount"),
        ("DESCRIPTION", "Description"),
        ("CREATED", "CreationTime"),
        ("CHANGED", "LastModifiedTime"),
    ];
    View::list("Policies", policies.iter().map(record).collect(), &columns, &more, "no policies")
}

fn about_control(policy: &ControlPolicy) -> Record {
    let record = Record::new()
        .text("Name", &policy.name)
        .text("Type", kind_of(policy.r#type()))
        .text("Arn", &policy.arn)
        .text("Description", &policy.description);
    let record = match policy.shipped {
        true => record,
        false => record.number("AttachmentCount", u64::from(policy.attachment_count)),
    };
    record
        .flag("Shipped", policy.shipped)
        .time("CreationTime", policy.creation_time.as_ref().map(|time| time.seconds))
        .time("LastModifiedTime", policy.last_modified_time.as_ref().map(|time| time.seconds))
}

fn kind_of(kind: ControlPolicyType) -> &'static str {
    match kind {
        ControlPolicyType::Unspecified => "",
        ControlPolicyType::ServiceControlPolicy => "SERVICE_CONTROL_POLICY",
        ControlPolicyType::ResourceControlPolicy => "RESOURCE_CONTROL_POLICY",
    }
}

/// Everything about a control policy.
pub fn control(policy: &ControlPolicy) -> Record {
    about_control(policy).text("Content", &policy.content)
}

/// A control policy with its document.
pub fn one_control(policy: &ControlPolicy) -> View {
    let mut parts = vec![Part::Fields(about_control(policy).flat())];
    if !policy.content.is_empty() {
        parts.push(document::below("it says:", &policy.content));
    }
    View::new(parts, control(policy))
}

/// A list of control policies.
pub fn controls(policies: &[ControlPolicy]) -> View {
    let columns =
        [("NAME", "Name"), ("TYPE", "Type"), ("SHIPPED", "Shipped"), ("ATTACHED", "AttachmentCount"), ("ARN", "Arn")];
    let more = [("DESCRIPTION", "Description"), ("CREATED", "CreationTime"), ("CHANGED", "LastModifiedTime")];
    View::list("Policies", policies.iter().map(control).collect(), &columns, &more, "no control policies")
}

/// The resource policy of something, `thing` being for instance "bus `orders`".
pub fn of_resource(thing: &str, policy: &str) -> View {
    match policy.is_empty() {
        true => View::line(format!("{thing} has no policy"), Record::new()),
        false => View::new(vec![document::alone(policy)], Record::new().text("Policy", policy)),
    }
}

/// The verdict on a document that is a policy of its kind.
pub fn sound(name: &str, kind: Kind, statements: usize) -> View {
    let count = if statements == 1 { "1 statement".to_owned() } else { format!("{statements} statements") };
    let json = Record::new()
        .flag("Result", true)
        .text("Kind", kind.word())
        .number("StatementCount", u64::try_from(statements).unwrap_or(u64::MAX));
    View::line(format!("`{name}` is sound: {} policy, {count}", kind.word()), json)
}

/// The verdict on a document that is refused.
pub fn refused(name: &str, kind: Kind, text: &str, why: &Invalid) -> View {
    let (place, value, limit) = match why {
        Invalid::Json { at, reason } => {
            let found = text.get(*at..).and_then(|rest| rest.chars().next());
            let found = found.map_or_else(|| "the end".to_owned(), String::from);
            (spot(text, *at), found, (*reason).to_owned())
        }
        Invalid::Deep { at, limit } => (spot(text, *at), String::new(), format!("{limit} levels")),
        Invalid::Large { found, unit, limit, .. } => {
            (String::new(), format!("{found} {unit}"), format!("{limit} {unit}"))
        }
        Invalid::Repeated { path, element } => (path.clone(), element.clone(), "once".to_owned()),
        Invalid::Unknown { path, element, known } => (path.clone(), element.clone(), format!("one of {known}")),
        Invalid::Missing { path, element } => (path.clone(), String::new(), format!("`{element}` must be there")),
        Invalid::Misplaced { path, element, place } => {
            (path.clone(), (*element).to_owned(), format!("it may not stand in {place}"))
        }
        Invalid::Value { path, found, reason } => (path.clone(), found.clone(), reason.clone()),
    };
    let place = if place.is_empty() { "the document".to_owned() } else { place };
    let fields = Record::new().text("Place", &place).text("Value", &value).text("Limit", &limit);
    let message = why.to_string();
    let head = format!("`{name}` would be refused as {} policy: {message}", kind.word());
    let json = Record::new().flag("Result", false).text("Kind", kind.word()).text("Message", &message);
    let json = json.text("Place", &place).text("Value", &value).text("Limit", &limit);
    View::new(vec![Part::Line(head), Part::Fields(fields.flat())], json)
}

/// Where a byte stands, as editors count.
fn spot(text: &str, at: usize) -> String {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    format!("line {line}, column {} (byte {at})", String::from_utf8_lossy(&before[begin..]).chars().count() + 1)
}
