//! Managed policies by name: their types, and the ARNs under which accounts' own and shipped ones are attached.

use std::fmt;

use crate::fault::Fault;
use crate::limits::ARN_LIMIT_CHARS;
use crate::name::{AccountId, PolicyName};
use crate::organization::OrganizationId;
use crate::principal::{NO_PATH, check_path};

/// What a managed policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Roles and users; it can be a permissions boundary too.
    Identity,
    /// Root, units and accounts: the most that their principals may do.
    ServiceControl,
    /// Root, units and accounts: the most that may be done to their resources.
    ResourceControl,
}

impl PolicyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Identity, Self::ServiceControl, Self::ResourceControl];

    /// The step that it has in the ARNs of organisations, or `None` for the policies of accounts.
    const fn step(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::ServiceControl => Some("service_control_policy"),
            Self::ResourceControl => Some("resource_control_policy"),
        }
    }

    /// The name of the shipped policy that allows everything, which a new root, unit or account has attached.
    #[must_use]
    pub const fn full_access(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::ServiceControl => Some("p-FullAWSAccess"),
            Self::ResourceControl => Some("p-RCPFullAWSAccess"),
        }
    }
}

/// Whose a policy is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyOwner {
    /// Ours: it comes with the build and has no row. Its account is written `aws`.
    Shipped,
    /// An account's.
    Account(AccountId),
    /// The organisation's, so its management account's.
    Organization(AccountId, OrganizationId),
}

/// ARN of a managed policy:
/// `arn:PARTITION:iam::(aws|ACCOUNT):policy/[PATH/]NAME`,
/// `arn:PARTITION:organizations::ACCOUNT:policy/ORGANIZATION/TYPE/NAME`,
/// `arn:PARTITION:organizations::aws:policy/TYPE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyArn {
    partition: String,
    kind: PolicyKind,
    owner: PolicyOwner,
    path: String,
    name: PolicyName,
}

impl PolicyArn {
    /// The ARN of an account's own identity policy.
    #[must_use]
    pub fn of_account(partition: &str, account: AccountId, path: &str, name: PolicyName) -> Self {
        let (kind, owner) = (PolicyKind::Identity, PolicyOwner::Account(account));
        Self { partition: partition.to_owned(), kind, owner, path: path.to_owned(), name }
    }

    /// The ARN of an organisation's own control policy.
    #[must_use]
    pub fn of_organization(
        partition: &str,
        management: AccountId,
        organization: OrganizationId,
        kind: PolicyKind,
        name: PolicyName,
    ) -> Self {
        let owner = PolicyOwner::Organization(management, organization);
        Self { partition: partition.to_owned(), kind, owner, path: NO_PATH.to_owned(), name }
    }

    /// The ARN of a shipped policy.
    #[must_use]
    pub fn shipped(partition: &str, kind: PolicyKind, name: PolicyName) -> Self {
        let partition = partition.to_owned();
        Self { partition, kind, owner: PolicyOwner::Shipped, path: NO_PATH.to_owned(), name }
    }

    /// The shipped policy that allows everything, of a kind that nodes have; `None` for [`PolicyKind::Identity`].
    #[must_use]
    pub fn full_access(partition: &str, kind: PolicyKind) -> Option<Self> {
        let name = PolicyName::parse(kind.full_access()?).ok()?;
        Some(Self::shipped(partition, kind, name))
    }

    /// Reads an ARN.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with `field` as its field.
    pub fn parse(field: &str, text: &str) -> Result<Self, Fault> {
        let refused = || Fault::invalid(field, "it must be the ARN of a managed policy", text);
        if text.len() > ARN_LIMIT_CHARS {
            return Err(refused());
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, resource] = parts[..] else {
            return Err(refused());
        };
        let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !partition.starts_with("aws") || !partition.bytes().all(word) {
            return Err(refused());
        }
        let account = match account {
            "aws" => None,
            digits => Some(AccountId::parse(digits).map_err(|_| refused())?),
        };
        let rest = resource.strip_prefix("policy").filter(|rest| rest.starts_with('/')).ok_or_else(refused)?;
        let (path, name) = rest.rsplit_once('/').ok_or_else(refused)?;
        let name = PolicyName::parse(name).map_err(|_| refused())?;
        let path = format!("{path}/");
        let (kind, owner, path) = match service {
            "iam" => {
                check_path(&path).map_err(|_| refused())?;
                let owner = account.map_or(PolicyOwner::Shipped, PolicyOwner::Account);
                (PolicyKind::Identity, owner, path)
            }
            "organizations" => {
                let steps: Vec<&str> = path.split('/').collect();
                let (owner, step) = match (account, &steps[..]) {
                    (None, ["", step, ""]) => (PolicyOwner::Shipped, *step),
                    (Some(account), ["", id, step, ""]) => {
                        let id = OrganizationId::parse(id).map_err(|_| refused())?;
                        (PolicyOwner::Organization(account, id), *step)
                    }
                    _ => return Err(refused()),
                };
                let kind = PolicyKind::ALL.into_iter().find(|kind| kind.step() == Some(step)).ok_or_else(refused)?;
                (kind, owner, NO_PATH.to_owned())
            }
            _ => return Err(refused()),
        };
        Ok(Self { partition: partition.to_owned(), kind, owner, path, name })
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// What it is attached to.
    #[must_use]
    pub const fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Whose it is.
    #[must_use]
    pub const fn owner(&self) -> &PolicyOwner {
        &self.owner
    }

    /// Its path; `/` for policies of organisations.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &PolicyName {
        &self.name
    }
}

impl fmt::Display for PolicyArn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, kind, owner, path, name } = self;
        match (owner, kind.step()) {
            (PolicyOwner::Organization(account, id), step) => {
                let step = step.unwrap_or_default();
                write!(out, "arn:{partition}:organizations::{account}:policy/{id}/{step}/{name}")
            }
            (_, Some(step)) => write!(out, "arn:{partition}:organizations::aws:policy/{step}/{name}"),
            (PolicyOwner::Account(account), None) => write!(out, "arn:{partition}:iam::{account}:policy{path}{name}"),
            (PolicyOwner::Shipped, None) => write!(out, "arn:{partition}:iam::aws:policy{path}{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_read_back() {
        for (text, kind) in [
            ("arn:aws:iam::000000000000:policy/Mine", PolicyKind::Identity),
            ("arn:aws:iam::000000000000:policy/a/b/Mine", PolicyKind::Identity),
            ("arn:aws:iam::aws:policy/BasculePublisher", PolicyKind::Identity),
            ("arn:aws-cn:iam::aws:policy/service-role/X", PolicyKind::Identity),
            ("arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess", PolicyKind::ServiceControl),
            (
                "arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess",
                PolicyKind::ResourceControl,
            ),
            (
                "arn:aws:organizations::123456789012:policy/o-abcdefghij/service_control_policy/Only",
                PolicyKind::ServiceControl,
            ),
        ] {
            let arn = PolicyArn::parse("PolicyArn", text).unwrap();
            assert_eq!((arn.to_string().as_str(), arn.kind()), (text, kind));
        }
        for kind in PolicyKind::ALL {
            if let Some(arn) = PolicyArn::full_access("aws", kind) {
                assert_eq!(PolicyArn::parse("PolicyArn", &arn.to_string()), Ok(arn));
            }
        }
        let path = format!("arn:aws:iam::aws:policy/{}/X", "a".repeat(511));
        for bad in [
            "",
            "arn:aws:iam::aws:policy/",
            "arn:aws:iam::aws:policyX",
            "arn:aws:iam::aws:role/X",
            "arn:aws:iam:us-east-1:aws:policy/X",
            "arn:aws:iam:::policy/X",
            "arn:aws:iam::aws:policy/*",
            "arn:aws:iam::aws:policy//X",
            "arn:gcp:iam::aws:policy/X",
            path.as_str(),
            "arn:aws:sqs::aws:policy/X",
            "arn:aws:organizations::aws:policy/X",
            "arn:aws:organizations::aws:policy/tag_policy/X",
            "arn:aws:organizations::123456789012:policy/service_control_policy/X",
            "arn:aws:organizations::123456789012:policy/o-x/service_control_policy/X",
        ] {
            assert!(PolicyArn::parse("PolicyArn", bad).is_err(), "{bad}");
        }
    }
}
