//! Managed policies that come with the build. They have no rows: an upgrade brings their next text, and nobody edits them.
//!
//! They keep apart who publishes, who sets up rules, who consumes, who looks, and who administers.

use std::sync::{Arc, LazyLock};

use bascule_model::name::PolicyName;
use bascule_model::policy::{PolicyArn, PolicyKind, PolicyOwner};
use bascule_policy::{Kind, Policy};

/// One of them.
#[derive(Debug)]
pub struct Shipped {
    /// What it is attached to.
    pub kind: PolicyKind,
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The document.
    pub document: &'static str,
}

const ADMINISTRATOR: &str = "BasculeAdministrator";
const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"FullAccess","Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const EVERYTHING_OF_RESOURCES: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"FullAccess","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

static ALL: &[Shipped] = &[
    Shipped {
        kind: PolicyKind::Identity,
        name: ADMINISTRATOR,
        description: "Everything.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Sid":"Administrator","Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    },
    Shipped {
        kind: PolicyKind::Identity,
        name: "BasculePublisher",
        description: "Puts events on buses, and nothing else.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Sid":"Publish","Effect":"Allow","Action":["events:PutEvents","events:DescribeEventBus"],"Resource":"arn:*:events:*:*:event-bus/*"}]}"#,
    },
    Shipped {
        kind: PolicyKind::Identity,
        name: "BasculeRuleManager",
        description: "Sets up rules and looks at how they deliver. A target takes more: a role that may be passed, or the right to the target itself.",
        document: r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"Rules","Effect":"Allow","Action":["events:PutRule","events:DeleteRule","events:DescribeRule","events:EnableRule","events:DisableRule","events:PutTargets","events:RemoveTargets","events:ListTargetsByRule","events:TagResource","events:UntagResource","events:ListTagsForResource","bascule:DescribeDelivery"],"Resource":"arn:*:events:*:*:rule/*"},
            {"Sid":"Look","Effect":"Allow","Action":["events:ListRules","events:ListRuleNamesByTarget","events:ListEventBuses","events:DescribeEventBus","events:TestEventPattern","events:ListApiDestinations","events:DescribeApiDestination","sqs:ListQueues"],"Resource":"*"}]}"#,
    },
    Shipped {
        kind: PolicyKind::Identity,
        name: "BasculeConsumer",
        description: "Receives messages of queues and settles them, and nothing else.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Sid":"Consume","Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:ChangeMessageVisibility","sqs:GetQueueAttributes"],"Resource":"*"}]}"#,
    },
    Shipped {
        kind: PolicyKind::Identity,
        name: "BasculeAuditor",
        description: "Sees how everything is set up and who may do what, and no event.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Sid":"Look","Effect":"Allow","Action":["events:Describe*","events:List*","events:TestEventPattern","sqs:ListQueues","sqs:GetQueueAttributes","bascule:Describe*","bascule:ListDeadLetters","bascule:ListNodes","bascule:ListJoinTokens","bascule:CanStopNode","iam:Get*","iam:List*","iam:SimulatePrincipalPolicy","organizations:Describe*","organizations:List*"],"Resource":"*"}]}"#,
    },
    Shipped {
        kind: PolicyKind::ServiceControl,
        name: "p-FullAWSAccess",
        description: "Limits nothing. Every root, unit and account begins with it.",
        document: EVERYTHING,
    },
    Shipped {
        kind: PolicyKind::ResourceControl,
        name: "p-RCPFullAWSAccess",
        description: "Limits nothing. Every root, unit and account has it.",
        document: EVERYTHING_OF_RESOURCES,
    },
];

/// Every one.
#[must_use]
pub fn all() -> &'static [Shipped] {
    ALL
}

/// The one of this ARN, in whichever partition.
#[must_use]
pub fn find(arn: &PolicyArn) -> Option<&'static Shipped> {
    place(arn).and_then(|place| ALL.get(place))
}

/// What allows everything, compiled.
pub(crate) fn administrator() -> [Arc<Policy>; 1] {
    static COMPILED: LazyLock<Arc<Policy>> = LazyLock::new(|| {
        let administrator = ALL.iter().find(|shipped| shipped.name == ADMINISTRATOR);
        administrator.map_or_else(|| Arc::new(Policy::unreadable(Kind::Identity, "")), Shipped::compile)
    });
    [Arc::clone(&COMPILED)]
}

/// The same, compiled.
pub(crate) fn compiled(arn: &PolicyArn) -> Option<&'static Arc<Policy>> {
    static COMPILED: LazyLock<Vec<Arc<Policy>>> = LazyLock::new(|| ALL.iter().map(Shipped::compile).collect());
    place(arn).and_then(|place| COMPILED.get(place))
}

fn place(arn: &PolicyArn) -> Option<usize> {
    let is = |shipped: &Shipped| shipped.kind == arn.kind() && shipped.name == arn.name().as_str() && arn.path() == "/";
    if *arn.owner() == PolicyOwner::Shipped { ALL.iter().position(is) } else { None }
}

impl Shipped {
    /// Its ARN in a partition.
    #[must_use]
    pub fn arn_for(&self, partition: &str) -> Option<PolicyArn> {
        let name = PolicyName::parse(self.name).ok()?;
        Some(PolicyArn::shipped(partition, self.kind, name))
    }

    fn compile(&self) -> Arc<Policy> {
        let name = self.arn_for("aws").map(|arn| arn.to_string()).unwrap_or_default();
        let kind = kind(self.kind);
        // One that could not be read would allow nobody anything.
        Arc::new(Policy::parse(kind, &name, self.document).unwrap_or_else(|_| Policy::unreadable(kind, &name)))
    }
}

pub(crate) const fn kind(kind: PolicyKind) -> Kind {
    match kind {
        PolicyKind::Identity => Kind::Identity,
        PolicyKind::ServiceControl => Kind::Scp,
        PolicyKind::ResourceControl => Kind::Rcp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_policy_and_found_by_its_arn() {
        for shipped in all() {
            let arn = shipped.arn_for("aws").unwrap();
            Policy::parse(kind(shipped.kind), shipped.name, shipped.document).unwrap();
            assert_eq!(PolicyArn::parse("", &arn.to_string()).unwrap(), arn);
            assert_eq!(find(&arn).unwrap().name, shipped.name);
            assert_eq!(compiled(&arn).unwrap().name(), arn.to_string());
        }
        for kind in PolicyKind::ALL {
            assert_eq!(kind.full_access().is_some(), PolicyArn::full_access("aws", kind).is_some());
            if let Some(arn) = PolicyArn::full_access("aws", kind) {
                assert!(find(&arn).is_some(), "{arn}");
            }
        }
        let other = PolicyArn::parse("", "arn:aws:iam::aws:policy/BasculeNothing").unwrap();
        assert!(find(&other).is_none() && compiled(&other).is_none());
        let own = PolicyArn::parse("", "arn:aws:iam::000000000001:policy/BasculeAdministrator").unwrap();
        assert!(find(&own).is_none());
    }
}
