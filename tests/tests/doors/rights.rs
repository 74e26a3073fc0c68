//! Every right by itself: each operation succeeds by one statement for each thing it asks for, and by nothing less.
//!
//! In: a daemon, an operator who puts everything in its place, and a user `probe` who has the policy of the moment and no other.
//! Out: for each row that the same bytes are refused without a policy, with any statement on a sibling instead, and against one
//! that denies; and that they succeed by exactly their statements. Each refusal names action and resource.
//! Never: an operation without a row, which `the_table_has_a_row_for_every_operation` holds against the contract.
//!
//! Rows stand in an order in which each succeeds. A refused call that changed something fails the test: around each the control
//! index is that of one change, and messages that were taken or deleted would be missing later.

mod access_keys;
mod accounts;
mod buses;
mod destinations;
mod nodes;
mod policies;
mod queues;
mod roles;
mod rules;
mod sessions;
mod settling;
mod units;
mod users;

use std::collections::BTreeSet;

use anyhow::{Context as _, bail, ensure};
use bascule_api::iam::v1::{DeleteUserPolicyRequest, PutUserPolicyRequest, TagUserRequest};
use bascule_api::status::Refusal;
use bascule_api::v1::PutEventsResponse;
use bascule_tests::Outcome;
use bascule_tests::client::reason;
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{ACCOUNT, People, document};
use bascule_tests::wait::PATIENCE;
use bytes::Bytes;
use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::tokio_stream::{self, StreamExt as _};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::{contract, raw};

/// Who calls. No row changes this user.
const PROBE: &str = "probe";
/// The one policy of that user.
const POLICY: &str = "of-the-moment";
/// How often a refused call is made at most until nothing else happens beside it.
const MARKED_LIMIT_TIMES: u32 = 50;
/// What somebody of the account has who may do nothing.
const NOTHING: &str = "no identity policy allows it";

/// Effect, action and resource.
type Statement = (&'static str, &'static str, String);

/// One operation's bytes, and what they need.
struct Row {
    /// `package.Service/Method`.
    method: &'static str,
    message: Bytes,
    /// Action and whole ARN of each access, the first first.
    asks: Vec<(&'static str, String)>,
    shape: Shape,
    /// Whether an answer is the one of somebody who may.
    good: fn(&Bytes) -> Outcome,
    /// For what it is refused by whoever may, where a daemon alone cannot do it.
    refused_for: Option<&'static str>,
}

/// How a refusal comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As the call's status.
    Call,
    /// As the first status or answer of a stream that the client keeps open.
    Open,
    /// In the one entry of an answer.
    Entry,
}

/// What a refused caller is told.
struct Told {
    /// Metadata of the status; of an entry there is none.
    named: Option<(String, String)>,
    message: String,
}

/// A row for a call that is refused as a whole, and good if it is answered. Resources are from their service on, or `*`.
fn row(method: &'static str, request: &impl Message, asks: &[(&'static str, &str)]) -> Row {
    let asks = asks.iter().map(|(action, resource)| (*action, full(resource))).collect();
    Row {
        method,
        message: request.encode_to_vec().into(),
        asks,
        shape: Shape::Call,
        good: |_| Ok(()),
        refused_for: None,
    }
}

impl Row {
    /// Good only if the answer says so.
    fn good(mut self, good: fn(&Bytes) -> Outcome) -> Self {
        self.good = good;
        self
    }

    /// Refused for this reason by whoever may.
    const fn then_refused(mut self, reason: &'static str) -> Self {
        self.refused_for = Some(reason);
        self
    }

    const fn shaped(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }
}

/// `service:resource` as an ARN of the daemon's account.
fn full(resource: &str) -> String {
    match resource.split_once(':') {
        Some(("arn", _)) | None => resource.to_owned(),
        Some((service @ ("iam" | "organizations"), rest)) => format!("arn:aws:{service}::{ACCOUNT}:{rest}"),
        Some((service, rest)) => format!("arn:aws:{service}:us-east-1:{ACCOUNT}:{rest}"),
    }
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// An ARN as a policy writes it that means this one and no other: a `*` in it is a letter.
fn literally(arn: &str) -> String {
    if arn == "*" { text(arn) } else { arn.replace('*', "${*}") }
}

/// A resource beside that of an access. Beside `*` there is none, so that it is one below.
fn sibling(arn: &str) -> String {
    if arn == "*" { full("events:event-bus/default") } else { format!("{}x", literally(arn)) }
}

/// The policy that allows what a row asks for, but for one access something else.
fn statements(row: &Row, instead: Option<(usize, &str)>) -> Vec<Statement> {
    let each = row.asks.iter().enumerate().map(|(at, (action, arn))| match instead {
        Some((other, resource)) if other == at => ("Allow", *action, text(resource)),
        _ => ("Allow", *action, literally(arn)),
    });
    each.collect()
}

/// Opens a stream with these bytes and keeps it open, for its first answer: a client that has said its last word may get none.
async fn open(channel: &Channel, method: &str, message: Bytes) -> Result<Bytes, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(format!("/{method}")).map_err(|_| Status::invalid_argument("no path"))?;
    let requests = Request::new(tokio_stream::once(message).chain(tokio_stream::pending()));
    let mut answers = grpc.streaming(requests, path, raw::AsTheyAre).await?.into_inner();
    let first = tokio::time::timeout(PATIENCE, answers.message()).await;
    first
        .map_err(|_| Status::deadline_exceeded("no answer"))??
        .ok_or_else(|| Status::internal("an end without an answer"))
}

/// The one who calls, and the one who says what they may.
struct Probe<'a> {
    people: &'a People,
    channel: Channel,
    arn: String,
}

impl<'a> Probe<'a> {
    async fn of(people: &'a People) -> Outcome<Self> {
        let context = people.user_by(people.operator(), PROBE, "").await?;
        Ok(Self { people, channel: raw::channel(&context, true).await?, arn: full("iam:user/probe") })
    }

    /// First nobody may anything, then each row is taken for itself. So each is refused twice without a policy, once before the
    /// rows in front of it and once behind them: whether there is what it is about is not told.
    async fn walk(&self, rows: &[Row]) -> Outcome {
        for row in rows {
            self.without(row).await.with_context(|| format!("{} first", row.method))?;
        }
        for row in rows {
            self.pass(row).await.with_context(|| format!("{}, which asks for {:?}", row.method, row.asks))?;
        }
        Ok(())
    }

    async fn without(&self, row: &Row) -> Outcome {
        let told = self.refused(row).await.context("without a policy")?;
        self.names(&told, &row.asks[0], NOTHING).context("without a policy")
    }

    /// Takes one row through everything that is said of it.
    async fn pass(&self, row: &Row) -> Outcome {
        self.without(row).await?;
        for (at, ask) in row.asks.iter().enumerate() {
            let beside = sibling(&ask.1);
            let about = || format!("with {} on `{beside}`", ask.0);
            self.allow(&statements(row, Some((at, &beside)))).await?;
            let told = self.refused(row).await.with_context(about)?;
            self.names(&told, ask, NOTHING).with_context(about)?;
        }
        for ask in &row.asks {
            let mut denied = statements(row, None);
            denied.push(("Deny", ask.0, literally(&ask.1)));
            let because = format!("denied by statement `Sid{}` of identity policy `{POLICY}`", row.asks.len());
            self.allow(&denied).await?;
            let told = self.refused(row).await.with_context(|| format!("where {ask:?} is denied"))?;
            self.names(&told, ask, &because).with_context(|| format!("where {ask:?} is denied"))?;
        }
        self.allow(&statements(row, None)).await?;
        match (self.call(row).await, row.refused_for) {
            (Err(status), Some(why)) => ensure!(reason(&status) == why, "{}: {status:?}", reason(&status)),
            (Ok(answer), None) => (row.good)(&answer)?,
            (Err(status), None) => bail!("{}: {status:?}", reason(&status)),
            (Ok(_), Some(why)) => bail!("it was done, and not refused for {why}"),
        }
        self.disallow().await
    }

    async fn allow(&self, statements: &[Statement]) -> Outcome {
        let each: Vec<_> = statements.iter().map(|(effect, action, on)| (*effect, *action, on.as_str())).collect();
        let request = PutUserPolicyRequest {
            user_name: text(PROBE),
            policy_name: text(POLICY),
            policy_document: document(&each),
            ..PutUserPolicyRequest::default()
        };
        self.people.operator().session().users().put_user_policy(request).await?;
        Ok(())
    }

    async fn disallow(&self) -> Outcome {
        let request = DeleteUserPolicyRequest {
            user_name: text(PROBE),
            policy_name: text(POLICY),
            ..DeleteUserPolicyRequest::default()
        };
        self.people.operator().session().users().delete_user_policy(request).await?;
        Ok(())
    }

    /// A change that is of no weight; gives its control index.
    async fn mark(&self) -> Outcome<u64> {
        let tags = [(text("marked"), text("again"))].into();
        let request = TagUserRequest { user_name: text(PROBE), tags, ..TagUserRequest::default() };
        Ok(self.people.operator().session().users().tag_user(request).await?.into_inner().control_index)
    }

    /// What is said where the row is refused, and that nothing was changed then: two marks around it are next to each other.
    /// Between them may be a change of the daemon's own, which clears away what was deleted before; but not each time.
    async fn refused(&self, row: &Row) -> Outcome<Told> {
        for _ in 0..MARKED_LIMIT_TIMES {
            let before = self.mark().await?;
            let told = self.told(row).await?;
            if self.mark().await? == before + 1 {
                return Ok(told);
            }
        }
        bail!("something is changed each time that it is refused")
    }

    async fn call(&self, row: &Row) -> Result<Bytes, Status> {
        match row.shape {
            Shape::Open => open(&self.channel, row.method, row.message.clone()).await,
            Shape::Call | Shape::Entry => raw::call(&self.channel, row.method, row.message.clone()).await,
        }
    }

    /// What is said where the row is refused.
    async fn told(&self, row: &Row) -> Outcome<Told> {
        match (self.call(row).await, row.shape) {
            (Ok(answer), Shape::Entry) => {
                let answer = PutEventsResponse::decode(answer)?;
                ensure!(answer.failed_entry_count == 1 && answer.entries.len() == 1, "{answer:?}");
                ensure!(answer.control_index == 0, "who may put nothing is told of the control index: {answer:?}");
                let entry = &answer.entries[0];
                ensure!(entry.error_code == "ACCESS_DENIED" && entry.event_id.is_empty(), "{entry:?}");
                Ok(Told { named: None, message: entry.error_message.clone() })
            }
            (Ok(_), _) => bail!("it was done"),
            (Err(status), _) => {
                ensure!(reason(&status) == "ACCESS_DENIED", "refused, but not as it should be: {status:?}");
                ensure!(status.code() == Code::PermissionDenied, "{status:?}");
                let refusal = Refusal::from_status(&status)?;
                let told = |key| refusal.metadata.get(key).cloned().unwrap_or_default();
                ensure!(told("principal") == self.arn, "{status:?}");
                ensure!(row.method.ends_with(&format!("/{}", told("operation"))), "{status:?}");
                Ok(Told { named: Some((told("action"), told("resource"))), message: refusal.message })
            }
        }
    }

    /// Whether a refusal names the caller, this access, and why.
    fn names(&self, told: &Told, (action, arn): &(&'static str, String), why: &str) -> Outcome {
        if let Some((named, on)) = &told.named {
            ensure!((named.as_str(), on) == (*action, arn), "it names {named} on `{on}`");
        }
        let message = format!("`{}` may not {action} on `{arn}`: {why}", self.arn);
        ensure!(told.message == message, "it says `{}` and not `{message}`", told.message);
        Ok(())
    }
}

fn buses_and_rules(owed: &str) -> Vec<Row> {
    [buses::made(owed), rules::rows(), buses::gone()].into_iter().flatten().collect()
}

fn queues_and_quotas(receipt: &str) -> Vec<Row> {
    [queues::rows(receipt), queues::quotas()].into_iter().flatten().collect()
}

fn principals_and_policies(key: &str) -> Vec<Row> {
    [users::rows(), access_keys::rows(key), roles::rows(), policies::rows()].into_iter().flatten().collect()
}

fn organization_and_sessions(tree: &units::Tree) -> Vec<Row> {
    [sessions::rows(), units::made(tree), accounts::rows(tree), units::gone(tree)].into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn buses_and_rules_take_their_right_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let owed = buses::set_up(people.operator()).await?;
    rules::set_up(people.operator()).await?;
    Probe::of(&people).await?.walk(&buses_and_rules(&owed)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_and_connections_take_their_right_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let connection = destinations::set_up(people.operator()).await?;
    Probe::of(&people).await?.walk(&destinations::rows(&connection)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_quotas_take_their_right_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let receipt = queues::set_up(people.operator()).await?;
    Probe::of(&people).await?.walk(&queues_and_quotas(&receipt)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn principals_and_policies_take_their_right_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let key = access_keys::set_up(people.operator()).await?;
    Probe::of(&people).await?.walk(&principals_and_policies(&key)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_organisation_and_sessions_take_their_right_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let tree = units::set_up(people.operator()).await?;
    sessions::set_up(people.operator()).await?;
    Probe::of(&people).await?.walk(&organization_and_sessions(&tree)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_join_tokens_take_their_right_and_no_other() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let cluster = nodes::set_up(people.operator()).await?;
    Probe::of(&people).await?.walk(&nodes::rows(&cluster)).await
}

/// The whole table, of a daemon in which nothing has a name yet.
fn table() -> Vec<Row> {
    let families = [
        buses_and_rules(""),
        destinations::rows(""),
        queues_and_quotas(""),
        principals_and_policies(""),
        organization_and_sessions(&units::Tree::default()),
        nodes::rows(""),
    ];
    families.into_iter().flatten().collect()
}

#[test]
fn the_table_has_a_row_for_every_operation() {
    let rows: BTreeSet<String> = table().iter().map(|row| text(row.method)).collect();
    let contract = contract::methods();
    let missing: Vec<_> = contract.difference(&rows).collect();
    let unknown: Vec<_> = rows.difference(&contract).collect();
    assert!(missing.is_empty(), "operations without a row of their rights: {missing:?}");
    assert!(unknown.is_empty(), "rows of no operation: {unknown:?}");
}

#[test]
fn rows_are_of_single_resources() {
    for row in table() {
        assert!(!row.asks.is_empty(), "{} asks for nothing", row.method);
        for (action, arn) in &row.asks {
            assert!(!action.contains(['*', '?']), "{}: {action}", row.method);
            assert!(arn == "*" || arn.starts_with("arn:aws:") && !arn.contains(['?', '$']), "{}: {arn}", row.method);
            // All rules of a bus are listed on a name whose last letter is `*`, and nothing else has one.
            let lists = ["events:ListRules", "events:ListRuleNamesByTarget"].contains(action);
            assert!(arn == "*" || !arn.contains('*') || lists && arn.ends_with("/*"), "{}: {arn}", row.method);
        }
    }
}
