//! Amazon resource names: parsed, shown, and made for each noun that has one.

use std::fmt;

use crate::fault::Fault;
use crate::limits::ARN_LIMIT_CHARS;
use crate::name::{AccountId, BusName, ConnectionName, DestinationName, QueueName, RuleName};

/// `arn:partition:service:region:account:resource`. Region and account may be empty, the resource may hold further colons.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arn {
    partition: String,
    service: String,
    region: String,
    account: Option<AccountId>,
    resource: String,
}

/// Where a cluster's resources stand: the parts of an ARN that do not name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `aws` or another partition that begins so.
    partition: String,
    /// For example `us-east-1`.
    region: String,
    /// Whose.
    account: AccountId,
}

impl Scope {
    /// Joins the parts.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for a partition that does not match `aws[\w-]*` and a region that does not match `[a-z]+-[a-z]+-[\w-]+`.
    pub fn new(partition: &str, region: &str, account: AccountId) -> Result<Self, Fault> {
        if !is_partition(partition) {
            return Err(Fault::invalid("partition", r"it must match `aws[\w-]*`", partition));
        }
        if !is_region(region) {
            return Err(Fault::invalid("region", r"it must match `[a-z]+-[a-z]+-[\w-]+`", region));
        }
        Ok(Self { partition: partition.to_owned(), region: region.to_owned(), account })
    }

    /// The same place of another account.
    #[must_use]
    pub fn of_account(&self, account: AccountId) -> Self {
        Self { account, ..self.clone() }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }

    fn arn(&self, service: &str, resource: String) -> Arn {
        Arn {
            partition: self.partition.clone(),
            service: service.to_owned(),
            region: self.region.clone(),
            account: Some(self.account),
            resource,
        }
    }
}

impl Arn {
    /// Reads an ARN.
    ///
    /// # Errors
    /// [`Fault::Invalid`] with `field` as its field.
    pub fn parse(field: &str, text: &str) -> Result<Self, Fault> {
        let refused = |reason: &str| Fault::invalid(field, reason, text);
        if text.is_empty() || text.chars().count() > ARN_LIMIT_CHARS {
            return Err(refused("it must have 1 to 1600 characters"));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(refused("it must be `arn:partition:service:region:account:resource`"));
        };
        if !is_partition(partition) {
            return Err(refused(r"its partition must match `aws[\w-]*`"));
        }
        if service.is_empty() || !service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(refused("its service must match `[a-z0-9-]+`"));
        }
        if !region.is_empty() && !is_region(region) {
            return Err(refused(r"its region must match `[a-z]+-[a-z]+-[\w-]+`"));
        }
        let account = match account {
            "" => None,
            digits => Some(AccountId::parse(digits).map_err(|_| refused("its account must have twelve digits"))?),
        };
        if resource.is_empty() || resource.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            return Err(refused("its resource must be there and have no white space"));
        }
        Ok(Self {
            partition: partition.to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account,
            resource: resource.to_owned(),
        })
    }

    /// `event-bus/NAME`.
    #[must_use]
    pub fn bus(scope: &Scope, bus: &BusName) -> Self {
        scope.arn("events", format!("event-bus/{bus}"))
    }

    /// `rule/NAME` on the default bus, `rule/BUS/NAME` on another.
    #[must_use]
    pub fn rule(scope: &Scope, bus: &BusName, rule: &RuleName) -> Self {
        let resource = if bus.is_default() { format!("rule/{rule}") } else { format!("rule/{bus}/{rule}") };
        scope.arn("events", resource)
    }

    /// `api-destination/NAME`.
    #[must_use]
    pub fn destination(scope: &Scope, name: &DestinationName) -> Self {
        scope.arn("events", format!("api-destination/{name}"))
    }

    /// `connection/NAME`.
    #[must_use]
    pub fn connection(scope: &Scope, name: &ConnectionName) -> Self {
        scope.arn("events", format!("connection/{name}"))
    }

    /// A built-in queue: service `sqs`, resource `NAME`.
    #[must_use]
    pub fn queue(scope: &Scope, name: &QueueName) -> Self {
        scope.arn("sqs", name.to_string())
    }

    /// A log target: service `logs`, resource `log-group:NAME`.
    ///
    /// # Errors
    /// [`Fault::Invalid`] for an empty name or one with white space.
    pub fn log_group(scope: &Scope, name: &str) -> Result<Self, Fault> {
        if name.is_empty() || name.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
            return Err(Fault::invalid("log group", "it must be there and have no white space", name));
        }
        Ok(scope.arn("logs", format!("log-group:{name}")))
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region; empty for services that have none.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account; `None` where the ARN leaves it empty.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// What stands behind the account.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Partition, region and account, if the ARN has them all.
    #[must_use]
    pub fn scope(&self) -> Option<Scope> {
        Scope::new(&self.partition, &self.region, self.account?).ok()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "arn:{}:{}:{}:", self.partition, self.service, self.region)?;
        if let Some(account) = self.account {
            write!(out, "{account}")?;
        }
        write!(out, ":{}", self.resource)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_partition(text: &str) -> bool {
    text.starts_with("aws") && text.bytes().all(is_word)
}

fn is_region(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let mut letters =
        || parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()));
    letters() && letters() && parts.next().is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        Scope::new("aws", "us-east-1", AccountId::parse("000000000000").unwrap()).unwrap()
    }

    #[test]
    fn arns_are_read_and_refused() {
        let edge = format!("arn:aws:events:us-east-1:000000000000:{}", "a".repeat(1600 - 38));
        for text in [
            "arn:aws:events:us-east-1:000000000000:event-bus/default",
            "arn:aws-cn:sqs:cn-north-1:123456789012:q",
            "arn:aws:iam::123456789012:role/path/R",
            "arn:aws:events:us-east-1::event-source/aws.partner/a/b",
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/x:*",
            "arn:aws:lambda:us-gov-west-1:123456789012:function:f:live",
            &edge,
        ] {
            assert_eq!(Arn::parse("Arn", text).map(|arn| arn.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "arn",
            "arn:aws:events:us-east-1:000000000000",
            "arn:aws:events:us-east-1:000000000000:",
            "arn:gcp:events:us-east-1:000000000000:x",
            "arn:aws::us-east-1:000000000000:x",
            "arn:aws:Events:us-east-1:000000000000:x",
            "arn:aws:events:us-east:000000000000:x",
            "arn:aws:events:US-east-1:000000000000:x",
            "arn:aws:events:us-east-1:00000000000:x",
            "arn:aws:events:us-east-1:000000000000:a b",
            "ARN:aws:events:us-east-1:000000000000:x",
            &format!("{edge}a"),
        ] {
            assert!(matches!(Arn::parse("Arn", text), Err(Fault::Invalid { field, .. }) if field == "Arn"), "{text}");
        }
    }

    #[test]
    fn constructors_give_the_documented_forms() {
        let (bus, rule) = (BusName::parse("b").unwrap(), RuleName::parse("r").unwrap());
        let at = "us-east-1:000000000000";
        for (arn, text) in [
            (Arn::bus(&scope(), &bus), format!("arn:aws:events:{at}:event-bus/b")),
            (Arn::rule(&scope(), &BusName::default_bus(), &rule), format!("arn:aws:events:{at}:rule/r")),
            (Arn::rule(&scope(), &bus, &rule), format!("arn:aws:events:{at}:rule/b/r")),
            (
                Arn::destination(&scope(), &DestinationName::parse("d").unwrap()),
                format!("arn:aws:events:{at}:api-destination/d"),
            ),
            (
                Arn::connection(&scope(), &ConnectionName::parse("c").unwrap()),
                format!("arn:aws:events:{at}:connection/c"),
            ),
            (Arn::queue(&scope(), &QueueName::parse("q").unwrap()), format!("arn:aws:sqs:{at}:q")),
            (Arn::log_group(&scope(), "/x").unwrap(), format!("arn:aws:logs:{at}:log-group:/x")),
        ] {
            assert_eq!(arn.to_string(), text);
            assert_eq!(Arn::parse("Arn", &text), Ok(arn));
        }
        assert!(Arn::log_group(&scope(), "a b").is_err());
    }

    proptest! {
        #[test]
        fn what_parses_shows_as_it_was(text in "(arn|aws|:|events|us-east-1|000000000000|x|/| ){0,14}") {
            if let Ok(arn) = Arn::parse("Arn", &text) {
                prop_assert_eq!(arn.to_string(), text);
            }
        }
    }
}
