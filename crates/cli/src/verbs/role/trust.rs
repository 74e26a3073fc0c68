//! Who may assume a role: a document, or the one that lets rules assume it, written here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bascule_model::arn::Arn;
use bascule_model::name::AccountId;
use clap::{ArgGroup, Args};
use serde::Serialize;

use crate::error::Error;
use crate::inputs::Inputs;

/// Who assumes roles for rules.
const EVENTS: &str = "events.amazonaws.com";

/// Where the trust policy comes from.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").required(true).args(["trust", "for_rules"]))]
pub struct Trust {
    /// File with the trust policy, `-` for the standard input
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Let rules assume it: the trust policy names `events.amazonaws.com`, with `aws:SourceAccount` and `aws:SourceArn` as far as
    /// they are given
    ///
    /// The account is not asked of the cluster. Without `--rule` and `--source-account` the policy has no `aws:SourceAccount`, and so
    /// does not keep the rules of other accounts out.
    #[arg(long)]
    for_rules: bool,
    /// ARN of the rule that may assume it, `*` and `?` as wildcards; its account is the source account
    #[arg(long, value_name = "ARN", requires = "for_rules", conflicts_with = "trust")]
    rule: Option<String>,
    /// Account whose rules may assume it: twelve digits [default: that of --rule; without it there is no such condition]
    #[arg(long, value_name = "ID", requires = "for_rules", conflicts_with = "trust")]
    source_account: Option<String>,
}

impl Trust {
    /// The trust policy as JSON text.
    ///
    /// # Errors
    /// What is wrong with the file; [`Error::Argument`].
    pub fn document(&self, inputs: &mut Inputs) -> Result<String, Error> {
        match &self.trust {
            Some(path) => inputs.policy("--trust", path),
            None => for_rules(self.rule.as_deref(), self.source_account.as_deref()),
        }
    }
}

/// The trust policy that lets rules assume a role.
fn for_rules(rule: Option<&str>, account: Option<&str>) -> Result<String, Error> {
    let given = account.map(|text| {
        let problem = || format!("`{text}` is no account: it has twelve digits");
        AccountId::parse(text).map_err(|_| Error::Argument { flag: "--source-account", problem: problem() })
    });
    let given = given.transpose()?;
    let of_rule = rule.map(account_of).transpose()?;
    if let (Some(given), Some(of_rule)) = (given, of_rule)
        && given != of_rule
    {
        let problem =
            format!("`{given}` is not the account of `--rule`, which is `{of_rule}`: nobody could assume the role");
        return Err(Error::Argument { flag: "--source-account", problem });
    }
    let mut condition = BTreeMap::new();
    if let Some(account) = given.or(of_rule) {
        condition.insert("StringEquals", BTreeMap::from([("aws:SourceAccount", account.to_string())]));
    }
    if let Some(rule) = rule {
        condition.insert("ArnLike", BTreeMap::from([("aws:SourceArn", rule.to_owned())]));
    }
    let principal = BTreeMap::from([("Service", EVENTS)]);
    let statement = Statement { effect: "Allow", principal, action: "sts:AssumeRole", condition };
    let document = Document { version: "2012-10-17", statement: [statement] };
    serde_json::to_string(&document).map_err(|error| Error::Output(error.into()))
}

/// A trust policy, in the order in which people read one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'static str,
    statement: [Statement<'a>; 1],
}

/// Its statement.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'a> {
    effect: &'static str,
    principal: BTreeMap<&'a str, &'a str>,
    action: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: BTreeMap<&'a str, BTreeMap<&'a str, String>>,
}

/// The account of a rule's ARN.
fn account_of(rule: &str) -> Result<AccountId, Error> {
    let arn =
        Arn::parse("Rule", rule).ok().filter(|arn| arn.service() == "events" && arn.resource().starts_with("rule/"));
    // A variable would be filled in when the policy is evaluated.
    let account = arn.filter(|arn| !arn.resource().contains('$')).and_then(|arn| arn.account());
    account.ok_or_else(|| {
        let problem =
            format!("`{rule}` is no ARN of a rule: it has the form `arn:aws:events:REGION:ACCOUNT:rule/BUS/NAME`");
        Error::Argument { flag: "--rule", problem }
    })
}

#[cfg(test)]
mod tests {
    use bascule_policy::{Kind, Policy};

    use super::*;

    #[test]
    fn rules_may_assume_it_under_the_conditions_that_are_known() {
        let rule = "arn:aws:events:eu-central-1:000000000001:rule/orders/paid";
        let account = r#"{"StringEquals":{"aws:SourceAccount":"000000000001"}}"#;
        let both = format!(
            r#"{{"ArnLike":{{"aws:SourceArn":"{rule}"}},"StringEquals":{{"aws:SourceAccount":"000000000001"}}}}"#
        );
        let rows = [
            (None, None, Ok("null".to_owned())),
            (None, Some("000000000001"), Ok(account.to_owned())),
            (Some(rule), None, Ok(both.clone())),
            (Some(rule), Some("000000000001"), Ok(both)),
            (None, Some("1"), Err("`--source-account`: `1` is no account: it has twelve digits")),
            (
                Some(rule),
                Some("000000000002"),
                Err(
                    "`--source-account`: `000000000002` is not the account of `--rule`, which is `000000000001`: nobody could assume the role",
                ),
            ),
            (
                Some("paid"),
                None,
                Err(
                    "`--rule`: `paid` is no ARN of a rule: it has the form `arn:aws:events:REGION:ACCOUNT:rule/BUS/NAME`",
                ),
            ),
        ];
        for (rule, account, expected) in rows {
            let made = for_rules(rule, account);
            match (made, expected) {
                (Ok(text), Ok(condition)) => {
                    Policy::parse(Kind::Trust, "", &text).unwrap();
                    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(read["Statement"][0]["Condition"].to_string(), condition);
                    assert!(text.starts_with("{\"Version\":"), "{text}");
                    assert_eq!(read["Statement"][0]["Principal"]["Service"], EVENTS);
                }
                (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
                (made, expected) => panic!("{made:?} {expected:?}"),
            }
        }
        for other in
            ["arn:aws:sqs:eu-central-1:000000000001:q", "arn:aws:events:eu-central-1:000000000001:rule/${aws:x}"]
        {
            assert!(for_rules(Some(other), None).is_err(), "{other}");
        }
    }
}
