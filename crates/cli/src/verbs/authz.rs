//! `bascule authz`: explain, simulate.
//!
//! In: a user or role, actions, resources, condition keys, policies that are not there yet.
//! Out: the cluster's decisions, with every statement that was looked at; the exit code says whether all is allowed.
//! Never: a decision made here, or anything done.

use std::path::PathBuf;

use bascule_api::iam::v1::{
    ContextEntry, EvaluationResult, PolicyDecision, SimulatePrincipalPolicyRequest, SimulatePrincipalPolicyResponse,
};
use clap::{Args, Subcommand};

use crate::error::Error;
use crate::explain::Exit;
use crate::link::{Link, ask};
use crate::output::{Part, View, authorization};
use crate::verbs::{Desk, Outcome, Reading, whoami};

/// What exit codes mean.
const AFTER: &str = "Exit codes: 0 all is allowed; 1 something is denied; the others as everywhere. Keys of principal, resource and time \
are known to the cluster; other keys have no value unless `--key` gives them one.";

/// What to ask about decisions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Explain one decision: allowed or denied, by which statement, and what became of the others
    #[command(after_help = AFTER)]
    Explain(Explain),
    /// Decide many at once: each action on each resource, with policies that are not there yet if need be
    #[command(after_help = AFTER)]
    Simulate(Simulate),
}

/// The decision to explain.
#[derive(Debug, Args)]
pub struct Explain {
    /// ARN of a user, a role or a role's session; or `user/NAME` or `role/NAME`, with the path, of your own account
    principal: String,
    /// Action, such as `events:PutEvents`
    action: String,
    /// ARN of what it is on [default: *]
    resource: Option<String>,
    /// Condition key with its value, or values with commas between them (`\,` is a comma within one); may be repeated
    #[arg(long = "key", value_name = "KEY=VALUE")]
    keys: Vec<String>,
    #[command(flatten)]
    reading: Reading,
}

/// The decisions to make.
#[derive(Debug, Args)]
pub struct Simulate {
    /// ARN of a user, a role or a role's session; or `user/NAME` or `role/NAME`, with the path, of your own account
    principal: String,
    /// Action, such as `events:PutEvents`; may be repeated
    #[arg(long = "action", value_name = "ACTION", required = true)]
    actions: Vec<String>,
    /// ARN that each action is on; may be repeated [default: *]
    #[arg(long = "resource", value_name = "ARN")]
    resources: Vec<String>,
    /// Condition key with its value, or values with commas between them (`\,` is a comma within one); may be repeated
    #[arg(long = "key", value_name = "KEY=VALUE[,VALUE]")]
    keys: Vec<String>,
    /// File with an identity policy, `-` for the standard input: decided as if the principal had it, too; may be repeated
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// Asks for decisions.
///
/// # Errors
/// Why it could not.
pub async fn run(verb: Verb, desk: &mut Desk) -> Result<Outcome, Error> {
    match verb {
        Verb::Explain(it) => explain(it, desk).await,
        Verb::Simulate(it) => simulate(it, desk).await,
    }
}

async fn explain(it: Explain, desk: &mut Desk) -> Result<Outcome, Error> {
    let (principal, context_entries) = (Principal::parse(&it.principal)?, entries(&it.keys)?);
    let link = desk.dial.link().await?;
    let request = SimulatePrincipalPolicyRequest {
        policy_source_arn: principal.arn(&link).await?,
        action_names: vec![it.action],
        resource_arns: it.resource.into_iter().collect(),
        context_entries: context_entries.clone(),
        policy_input_list: Vec::new(),
        allow_stale: it.reading.allow_stale,
    };
    let answer = decided(&link, request).await?;
    let exit = verdict(&answer.results);
    let lacks = || Error::AnswerLacks { operation: "SimulatePrincipalPolicy", field: "results" };
    let result = answer.results.first().ok_or_else(lacks)?;
    Ok(Outcome {
        exit,
        ..Outcome::done(principal.noted(authorization::one(result, &context_entries, answer.control_index)))
    })
}

async fn simulate(it: Simulate, desk: &mut Desk) -> Result<Outcome, Error> {
    let (principal, context_entries) = (Principal::parse(&it.principal)?, entries(&it.keys)?);
    let inputs = &mut desk.inputs;
    let policies = it.policies.iter().map(|path| inputs.policy("--policy", path));
    let policy_input_list = policies.collect::<Result<_, _>>()?;
    let link = desk.dial.link().await?;
    let request = SimulatePrincipalPolicyRequest {
        policy_source_arn: principal.arn(&link).await?,
        action_names: it.actions,
        resource_arns: it.resources,
        context_entries,
        policy_input_list,
        allow_stale: it.reading.allow_stale,
    };
    let answer = decided(&link, request).await?;
    let exit = verdict(&answer.results);
    Ok(Outcome { exit, ..Outcome::done(principal.noted(authorization::many(&answer.results, answer.control_index))) })
}

/// Asks for decisions, and takes the answer only if all are in it: one that is missing would be taken for allowed.
async fn decided(
    link: &Link,
    request: SimulatePrincipalPolicyRequest,
) -> Result<SimulatePrincipalPolicyResponse, Error> {
    let count = request.action_names.len() * request.resource_arns.len().max(1);
    let answer = ask!(link, authorization.simulate_principal_policy, request).await?;
    let lacks = |field| Error::AnswerLacks { operation: "SimulatePrincipalPolicy", field };
    if answer.results.len() != count {
        return Err(lacks("results"));
    }
    match answer.results.iter().any(|it| it.decision() == PolicyDecision::Unspecified) {
        true => Err(lacks("decision")),
        false => Ok(answer),
    }
}

fn verdict(results: &[EvaluationResult]) -> Exit {
    match results.iter().all(|it| it.decision() == PolicyDecision::Allowed) {
        true => Exit::Done,
        false => Exit::Negative,
    }
}

/// Whose access is decided about.
#[derive(Debug, PartialEq, Eq)]
enum Principal {
    /// One with this ARN.
    Arn(String),
    /// The role of a session.
    RoleOf {
        /// Its ARN.
        role: String,
        /// The session's.
        session: String,
    },
    /// One of the caller's account, `user/NAME` or `role/NAME`.
    Own(String),
}

impl Principal {
    fn parse(text: &str) -> Result<Self, Error> {
        let named = |kind: &str| text.strip_prefix(kind).is_some_and(|name| !name.is_empty());
        if text.starts_with("arn:") {
            return Ok(match role_of(text) {
                Some(role) => Self::RoleOf { role, session: text.to_owned() },
                None => Self::Arn(text.to_owned()),
            });
        }
        if named("user/") || named("role/") {
            return Ok(Self::Own(text.to_owned()));
        }
        let problem = format!("`{text}` is neither an ARN nor of the form `user/NAME` or `role/NAME`");
        Err(Error::Argument { flag: "PRINCIPAL", problem })
    }

    async fn arn(&self, link: &Link) -> Result<String, Error> {
        match self {
            Self::Arn(arn) | Self::RoleOf { role: arn, .. } => Ok(arn.clone()),
            Self::Own(resource) => whoami::own(link, resource).await,
        }
    }

    /// What people must know of a decision about it: that of a role may be another than that of its session.
    fn noted(&self, mut view: View) -> View {
        if let Self::RoleOf { session, .. } = self {
            let text = format!("this is the role's; a policy or tags that only `{session}` has are not looked at");
            view.add(Part::Line(text));
        }
        view
    }
}

/// The ARN of a session's role: refusals name sessions, decisions are asked for roles. A session's ARN does not tell the role's
/// path, so that this is right for roles without one.
fn role_of(session: &str) -> Option<String> {
    let parts: Vec<&str> = session.splitn(6, ':').collect();
    let ["arn", partition, "sts", "", account, resource] = parts[..] else { return None };
    let (role, _) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

/// Condition keys in the order in which they are first given; the values of one that is given again are added.
fn entries(pairs: &[String]) -> Result<Vec<ContextEntry>, Error> {
    let mut entries: Vec<ContextEntry> = Vec::new();
    for pair in pairs {
        let Some((key, values)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Error::Argument { flag: "--key", problem: "the form is `KEY=VALUE[,VALUE]`".to_owned() });
        };
        let values = apart(values);
        // Names of keys differ by more than case.
        match entries.iter_mut().find(|entry| entry.key.eq_ignore_ascii_case(key)) {
            Some(entry) => entry.values.extend(values),
            None => entries.push(ContextEntry { key: key.to_owned(), values }),
        }
    }
    Ok(entries)
}

/// Values that stand with commas between them.
fn apart(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, values.last_mut()) {
            ('\\', Some(last)) if chars.next_if_eq(&',').is_some() => last.push(','),
            (',', _) => values.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_named_by_arn_or_within_the_own_account() {
        let rows = [
            ("arn:aws:iam::000000000001:user/a/b", Some("Arn(\"arn:aws:iam::000000000001:user/a/b\")")),
            (
                "arn:aws:sts::000000000001:assumed-role/r/s",
                Some(
                    "RoleOf { role: \"arn:aws:iam::000000000001:role/r\", session: \"arn:aws:sts::000000000001:assumed-role/r/s\" }",
                ),
            ),
            ("arn:aws:sts::000000000001:assumed-role/r", Some("Arn(\"arn:aws:sts::000000000001:assumed-role/r\")")),
            ("user/team/shop", Some("Own(\"user/team/shop\")")),
            ("role/r", Some("Own(\"role/r\")")),
            ("role/", None),
            ("shop", None),
            ("group/a", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let read = Principal::parse(text).ok().map(|it| format!("{it:?}"));
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn keys_have_values() {
        type Row<'a> = (&'a [&'a str], Option<&'a [(&'a str, &'a [&'a str])]>);
        let rows: [Row<'_>; 8] = [
            (&[], Some(&[])),
            (&["a=b"], Some(&[("a", &["b"])])),
            (&["a=b=c"], Some(&[("a", &["b=c"])])),
            (&["a=b,c", "d=", "A=e"], Some(&[("a", &["b", "c", "e"]), ("d", &[""])])),
            (&[r"a=b\,c,d\e\"], Some(&[("a", &["b,c", r"d\e\"])])),
            (&["a=,"], Some(&[("a", &["", ""])])),
            (&["a"], None),
            (&["=b"], None),
        ];
        for (pairs, expected) in rows {
            let pairs: Vec<String> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
            let read = entries(&pairs).ok();
            let wanted = expected.map(|all| {
                let entry = |(key, values): &(&str, &[&str])| ContextEntry {
                    key: (*key).to_owned(),
                    values: values.iter().map(|value| (*value).to_owned()).collect(),
                };
                all.iter().map(entry).collect::<Vec<_>>()
            });
            assert_eq!(read, wanted, "{pairs:?}");
        }
    }
}
