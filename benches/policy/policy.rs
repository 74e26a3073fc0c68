//! One decision, warm: ten statements, a thousand, every layer; the worst that policies at their limits can ask for; beside
//! them the crate `iam-rs` on policies that both get right, Cedar on policies that say the same, and a look-up in a hash map,
//! so that no figure stands without one of the same moment.
//!
//! Each decision is timed by itself, the clock's own cost included. Rounds are interleaved; shown are medians over the rounds,
//! and their range. Allocations are counted outside the timed rounds, by an allocator that all rows pay for alike.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bascule_model::name::AccountId;
use bascule_model::time::Millis;
use bascule_policy::decide::Level;
use bascule_policy::request::{Membership, Principal, PrincipalKind, Request, Resource, Value, Values};
use bascule_policy::{Kind, Layers, Policy, decide};

const ROUNDS: usize = 7;
const STRETCH: Duration = Duration::from_millis(150);
const COUNTED: usize = 1_000;

const BUS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/orders";
const USER: &str = "arn:aws:iam::111122223333:user/team/Bob";
const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","PRINCIPALAction":"*","Resource":"*"}]}"#;

/// Times of one stretch in nanoseconds, ascending.
struct Stretch(Vec<u64>);

impl Stretch {
    fn at(&self, share: f64) -> f64 {
        let place = ((self.0.len() - 1) as f64 * share).round() as usize;
        self.0[place.min(self.0.len() - 1)] as f64
    }
}

/// What is timed: `true` if it allows.
type Asked<'a> = Box<dyn FnMut() -> Result<bool> + 'a>;

struct Row<'a> {
    name: &'static str,
    expected: bool,
    asked: Asked<'a>,
    rounds: Vec<Stretch>,
    allocations: f64,
}

impl<'a> Row<'a> {
    fn new(name: &'static str, expected: bool, asked: impl FnMut() -> Result<bool> + 'a) -> Self {
        Self { name, expected, asked: Box::new(asked), rounds: Vec::new(), allocations: 0.0 }
    }

    fn warm(&mut self) -> Result<()> {
        ensure!((self.asked)()? == self.expected, "{}: the other answer", self.name);
        let began = Instant::now();
        let mut count = 0_usize;
        let mut outcome = Ok(true);
        let info = allocation_counter::measure(|| {
            while outcome.is_ok() && count < COUNTED && began.elapsed() < STRETCH {
                outcome = (self.asked)();
                count += 1;
            }
        });
        outcome?;
        self.allocations = info.count_total as f64 / count.max(1) as f64;
        Ok(())
    }

    fn round(&mut self) -> Result<()> {
        let mut times = Vec::with_capacity(1 << 20);
        let began = Instant::now();
        while times.is_empty() || began.elapsed() < STRETCH && times.len() < times.capacity() {
            // One look at the outer clock for several decisions.
            for _ in 0..16 {
                let at = Instant::now();
                let allowed = black_box((self.asked)())?;
                let took = at.elapsed();
                ensure!(allowed == self.expected, "{}: the other answer", self.name);
                times.push(u64::try_from(took.as_nanos())?);
                if took > STRETCH {
                    break;
                }
            }
        }
        times.sort_unstable();
        self.rounds.push(Stretch(times));
        Ok(())
    }

    /// Median and range over the rounds.
    fn over(&self, share: f64) -> (f64, f64, f64) {
        let mut all: Vec<f64> = self.rounds.iter().map(|stretch| stretch.at(share)).collect();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[0], all[all.len() - 1])
    }

    /// Median and range of the ratios to another row's p50 of the same round.
    fn against(&self, other: &Self) -> (f64, f64, f64) {
        let mut all: Vec<f64> =
            self.rounds.iter().zip(&other.rounds).map(|(own, other)| own.at(0.5) / other.at(0.5)).collect();
        all.sort_by(f64::total_cmp);
        (all[all.len() / 2], all[0], all[all.len() - 1])
    }
}

/// A bus policy with a statement for each of `count` accounts, the last of which is the caller's.
fn bus_policy(count: u64) -> String {
    let one = |at: u64| {
        let account = 111_122_223_333 - (count - 1 - at);
        format!(
            r#"{{"Sid":"S{at}","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{account}:user/team/Bob"}},"Action":"events:PutEvents","Resource":"{BUS}","Condition":{{"StringEquals":{{"events:source":"shop"}}}}}}"#
        )
    };
    document(&(0..count).map(one).collect::<Vec<String>>())
}

/// Statements about everybody: no index helps.
fn for_everybody(count: u64) -> String {
    let one = |at: u64| {
        let name = if at + 1 == count { BUS.to_owned() } else { format!("{BUS}-{at}") };
        format!(r#"{{"Effect":"Allow","Principal":"*","Action":"events:PutEvents","Resource":"{name}"}}"#)
    };
    document(&(0..count).map(one).collect::<Vec<String>>())
}

/// Ten statements of an identity policy, each of which is tried: wildcards, variables, five kinds of conditions.
fn rich() -> String {
    let one = |at: usize| {
        format!(
            r#"{{"Effect":"Allow","Action":"events:Put*","Resource":"arn:aws:events:*:111122223333:event-bus/x{at}*","Condition":{{"StringLike":{{"events:source":"a*"}}}}}}"#
        )
    };
    let mut all: Vec<String> = (0..9).map(one).collect();
    all.push(r#"{"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:us-east-1:111122223333:event-bus/${aws:PrincipalTag/bus}","Condition":{"StringEquals":{"events:source":"shop","aws:ResourceTag/stage":"${aws:PrincipalTag/stage}"},"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"Bool":{"aws:SecureTransport":"true"},"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/team/*"}}}"#.to_owned());
    document(&all)
}

/// What `iam-rs` and this engine both get right: exact, with wildcards, ten statements with a condition each.
fn shared() -> [(&'static str, String); 3] {
    let exact = format!(r#"{{"Effect":"Allow","Action":"events:PutEvents","Resource":"{BUS}"}}"#);
    let wild =
        r#"{"Effect":"Allow","Action":"events:Put*","Resource":"arn:aws:events:us-east-1:111122223333:event-bus/o*"}"#;
    let deny =
        r#"{"Effect":"Deny","Action":"events:Delete*","Resource":"arn:aws:events:us-east-1:111122223333:event-bus/*"}"#;
    let ten: Vec<String> = (0..10)
        .map(|at| {
            let name = if at == 9 { "orders".to_owned() } else { format!("other-{at}") };
            format!(
                r#"{{"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:us-east-1:111122223333:event-bus/{name}","Condition":{{"StringEquals":{{"events:source":"shop"}}}}}}"#
            )
        })
        .collect();
    [
        ("1 exact statement", document(&[exact])),
        ("2 with wildcards", document(&[deny.to_owned(), wild.to_owned()])),
        ("10 with conditions", document(&ten)),
    ]
}

fn document(statements: &[String]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

fn policy(kind: Kind, text: &str) -> Result<Arc<Policy>> {
    Ok(Arc::new(Policy::parse_within(kind, "bench", text, usize::MAX)?))
}

/// As many of `pattern` as one policy of the kind may list, behind an allow of everything.
fn hostile(kind: Kind, pattern: &str) -> Result<Arc<Policy>> {
    let principal = if kind.names_principals() { r#""Principal":"*","# } else { "" };
    let room = bascule_policy::limits::document_limit_chars(kind) - 250;
    let all = vec![format!("\"{pattern}\""); (room / (pattern.len() + 3)).max(1)].join(",");
    let allow = format!(r#"{{"Effect":"Allow",{principal}"Action":"*","Resource":"*"}}"#);
    let deny = format!(r#"{{"Effect":"Deny",{principal}"Action":"*","Resource":[{all}]}}"#);
    policy(kind, &document(&[allow, deny]))
}

struct Iam {
    evaluator: iam_rs::PolicyEvaluator,
    request: iam_rs::IAMRequest,
}

impl Iam {
    fn new(text: &str) -> Result<Self> {
        let mut context = iam_rs::Context::new();
        context.insert("events:source".to_owned(), iam_rs::ContextValue::String("shop".to_owned()));
        let principal = iam_rs::Principal::Aws(iam_rs::PrincipalId::String(USER.to_owned()));
        let arn = iam_rs::Arn::parse(BUS).map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
        Ok(Self {
            evaluator: iam_rs::PolicyEvaluator::with_policies(vec![serde_json::from_str(text)?]),
            request: iam_rs::IAMRequest::new_with_context(principal, "events:PutEvents", arn, context),
        })
    }

    fn allows(&self) -> Result<bool> {
        let found = self.evaluator.evaluate(&self.request).map_err(|fault| anyhow::anyhow!("{fault:?}"))?;
        Ok(found.decision == iam_rs::Decision::Allow)
    }
}

struct Cedar {
    authorizer: cedar_policy::Authorizer,
    policies: cedar_policy::PolicySet,
    entities: cedar_policy::Entities,
    request: cedar_policy::Request,
}

impl Cedar {
    /// The same as [`bus_policy`] in Cedar's words.
    fn new(count: u64) -> Result<Self> {
        let one = |at: u64| {
            let account = 111_122_223_333 - (count - 1 - at);
            format!(
                r#"permit(principal == User::"arn:aws:iam::{account}:user/team/Bob", action == Action::"PutEvents", resource == Bus::"{BUS}") when {{ context.source == "shop" }};"#
            )
        };
        let text: Vec<String> = (0..count).map(one).collect();
        let uid = |text: String| -> Result<cedar_policy::EntityUid> { Ok(text.parse()?) };
        let source = cedar_policy::RestrictedExpression::new_string("shop".to_owned());
        let context = cedar_policy::Context::from_pairs([("source".to_owned(), source)])?;
        let (user, action) = (uid(format!("User::\"{USER}\""))?, uid("Action::\"PutEvents\"".to_owned())?);
        Ok(Self {
            authorizer: cedar_policy::Authorizer::new(),
            policies: text.join("\n").parse()?,
            entities: cedar_policy::Entities::empty(),
            request: cedar_policy::Request::new(user, action, uid(format!("Bus::\"{BUS}\""))?, context, None)?,
        })
    }

    fn allows(&self) -> Result<bool> {
        let found = self.authorizer.is_authorized(&self.request, &self.policies, &self.entities);
        Ok(found.decision() == cedar_policy::Decision::Allow)
    }
}

/// Everything that rows borrow.
struct Policies {
    ten: [Arc<Policy>; 1],
    thousand: [Arc<Policy>; 1],
    everybody: [Arc<Policy>; 1],
    rich: [Arc<Policy>; 1],
    boundary: Arc<Policy>,
    scps: Vec<Level>,
    rcps: Vec<Level>,
    shared: Vec<(&'static str, [Arc<Policy>; 1], Iam)>,
    cedar: [Cedar; 2],
    /// The worst single pattern, and every layer full of patterns that are tried everywhere.
    glob: [Arc<Policy>; 1],
    full: Full,
}

struct Full {
    scps: Vec<Level>,
    rcps: Vec<Level>,
    identity: Vec<Arc<Policy>>,
    resource: [Arc<Policy>; 1],
}

impl Policies {
    fn read() -> Result<Self> {
        let all = |kind: Kind| {
            let principal = if kind.names_principals() { r#"Principal":"*",""# } else { "" };
            policy(kind, &ALL.replace("PRINCIPAL", principal))
        };
        let level = |kind| -> Result<Level> { Ok(Box::new([all(kind)?])) };
        let mut both = Vec::new();
        for (name, text) in shared() {
            both.push((name, [policy(Kind::Identity, &text)?], Iam::new(&text)?));
        }
        let half = format!("arn:aws:events:us-east-1:111122223333:*{}b*", "a?".repeat(500));
        let eighth = format!("arn:*:*:*:*:*{}b*", "a?".repeat(125));
        let levels = |kind| -> Result<Vec<Level>> {
            (0..7).map(|_| Ok((0..5).map(|_| hostile(kind, &eighth)).collect::<Result<Vec<_>>>()?.into())).collect()
        };
        let one = format!(r#"{{"Effect":"Allow","Action":"*","Resource":["{half}",{}]}}"#, r#""*""#);
        Ok(Self {
            ten: [policy(Kind::Resource, &bus_policy(10))?],
            thousand: [policy(Kind::Resource, &bus_policy(1_000))?],
            everybody: [policy(Kind::Resource, &for_everybody(1_000))?],
            rich: [policy(Kind::Identity, &rich())?],
            boundary: all(Kind::Boundary)?,
            scps: (0..3).map(|_| level(Kind::Scp)).collect::<Result<_>>()?,
            rcps: (0..3).map(|_| level(Kind::Rcp)).collect::<Result<_>>()?,
            shared: both,
            cedar: [Cedar::new(10)?, Cedar::new(1_000)?],
            glob: [policy(Kind::Identity, &document(&[one]))?],
            full: Full {
                scps: levels(Kind::Scp)?,
                rcps: levels(Kind::Rcp)?,
                identity: (0..20).map(|_| hostile(Kind::Identity, &eighth)).collect::<Result<_>>()?,
                resource: [hostile(Kind::Resource, &eighth)?],
            },
        })
    }
}

const OWN: [&str; 5] = ["10 statements", "10 rich statements", "all layers", "1,000 statements", "1,000 for everybody"];

fn rows<'a>(of: &'a Policies, request: &'a Request<'a>, long: &'a Request<'a>) -> Vec<Row<'a>> {
    let asked = move |layers: Layers<'a>| move || Ok(decide(black_box(request), &layers).is_allowed());
    let resource = |resource: &'a [Arc<Policy>]| Layers { resource, ..Layers::default() };
    let identity = |identity: &'a [Arc<Policy>]| Layers { identity, ..Layers::default() };
    let every = Layers {
        scps: &of.scps,
        rcps: &of.rcps,
        boundary: Some(&of.boundary),
        resource: &of.ten,
        ..identity(&of.rich)
    };
    let mut names: HashMap<String, bool> = (0..1_000).map(|at| (format!("{BUS}-{at}"), false)).collect();
    names.insert(BUS.to_owned(), true);
    let mut rows = vec![
        Row::new("look-up in a map", true, move || Ok(names.get(black_box(BUS)).copied().unwrap_or_default())),
        Row::new(OWN[0], true, asked(resource(&of.ten))),
        Row::new(OWN[1], true, asked(identity(&of.rich))),
        Row::new(OWN[2], true, asked(every)),
        Row::new(OWN[3], true, asked(resource(&of.thousand))),
        Row::new(OWN[4], true, asked(resource(&of.everybody))),
    ];
    for (name, own, iam) in &of.shared {
        rows.push(Row::new(name, true, asked(identity(own))));
        rows.push(Row::new("  iam-rs", true, || iam.allows()));
    }
    rows.push(Row::new("Cedar, 10", true, || of.cedar[0].allows()));
    rows.push(Row::new("Cedar, 1,000", true, || of.cedar[1].allows()));
    let glob = identity(&of.glob);
    rows.push(Row::new("worst glob", true, move || Ok(decide(black_box(long), &glob).is_allowed())));
    let full = &of.full;
    let worst = Layers { scps: &full.scps, rcps: &full.rcps, resource: &full.resource, ..identity(&full.identity) };
    rows.push(Row::new("worst decision", false, move || Ok(decide(black_box(long), &worst).is_allowed())));
    rows
}

fn found<'r, 'a>(rows: &'r [Row<'a>], name: &str) -> Result<&'r Row<'a>> {
    rows.iter().find(|row| row.name == name).with_context(|| format!("no row {name}"))
}

fn report(rows: &[Row<'_>]) -> Result<()> {
    let mut out = io::stdout().lock();
    let shown = |(median, least, most): (f64, f64, f64)| format!("{median:.0} ({least:.0}–{most:.0})");
    let ratio = |(median, least, most): (f64, f64, f64)| format!("{median:.1} ({least:.1}–{most:.1})");
    let map = &rows[0];
    writeln!(
        out,
        "what                 p50 ns (range)             p99 ns (range)             p50 / look-up      allocations"
    )?;
    for row in rows {
        let (p50, p99) = (shown(row.over(0.5)), shown(row.over(0.99)));
        writeln!(out, "{:<20} {p50:<26} {p99:<26} {:<18} {:.0}", row.name, ratio(row.against(map)), row.allocations)?;
    }
    let micro = |nanos: f64| nanos / 1_000.0;
    let (ten, rich) = (found(rows, OWN[0])?, found(rows, OWN[1])?);
    writeln!(
        out,
        "PP1: p50 {:.2} and {:.2} µs, p99 {:.2} and {:.2} µs, {:.0} and {:.0} allocations; the goal is p50 < 1 µs, none",
        micro(ten.over(0.5).0),
        micro(rich.over(0.5).0),
        micro(ten.over(0.99).0),
        micro(rich.over(0.99).0),
        ten.allocations,
        rich.allocations
    )?;
    let thousand = found(rows, OWN[3])?;
    let (own, more) = (micro(thousand.over(0.5).0), ratio(thousand.against(ten)));
    writeln!(out, "PP2: {own:.2} µs, {more} × ten statements; the goal is < 20 µs and < 3 ×")?;
    let pairs = rows.windows(2).filter(|pair| pair[1].name == "  iam-rs");
    let times: Vec<String> =
        pairs.map(|pair| format!("{} × on {}", ratio(pair[1].against(&pair[0])), pair[0].name)).collect();
    writeln!(out, "PP3: iam-rs takes {}; the goal is ≥ 5 ×", times.join(", "))?;
    let (glob, worst) = (found(rows, "worst glob")?, found(rows, "worst decision")?);
    let milli = |row: &Row<'_>, share| row.over(share).0 / 1e6;
    writeln!(
        out,
        "PP4: a glob p50 {:.2} ms, p99 {:.2} ms; a decision p50 {:.2} ms, p99 {:.2} ms; the goal is < 10 ms, and busy cores are in p99",
        milli(glob, 0.5),
        milli(glob, 0.99),
        milli(worst, 0.5),
        milli(worst, 0.99)
    )?;
    for (own, cedar) in [(OWN[0], "Cedar, 10"), (OWN[3], "Cedar, 1,000")] {
        writeln!(out, "{cedar}: {} × ours", ratio(found(rows, cedar)?.against(found(rows, own)?)))?;
    }
    Ok(())
}

fn main() -> Result<()> {
    let account = AccountId::parse("111122223333")?;
    let org = Some(Membership { id: "o-a1b2c3d4e5", path: "o-a1b2c3d4e5/r-ab12/" });
    let context = [
        ("aws:SourceIp", Values::One(Value::Text("10.1.2.3"))),
        ("aws:SecureTransport", Values::One(Value::Bool(true))),
        ("events:detail-type", Values::One(Value::Text("Order Placed"))),
        ("events:source", Values::One(Value::Text("shop"))),
    ];
    let tags = [("bus", "orders"), ("stage", "prod")];
    let kind = PrincipalKind::User { arn: USER, name: "Bob" };
    let request = Request {
        principal: Principal { kind, account: Some(account), org, tags: &tags, id: "AIDAEXAMPLE" },
        action: "events:PutEvents",
        resource: Resource { arn: BUS, account, org, tags: &tags },
        now: Millis(1_795_426_200_000),
        tags: &[],
        context: &context,
    };
    // 2 KiB, as long as wildcards are tried on.
    let name = format!("arn:aws:events:us-east-1:111122223333:{}", "a".repeat(2_010));
    let long = Request { resource: Resource { arn: &name, ..request.resource }, ..request };
    let policies = Policies::read()?;
    let mut rows = rows(&policies, &request, &long);
    rows.iter_mut().try_for_each(Row::warm)?;
    for round in 1..=ROUNDS {
        writeln!(io::stderr(), "round {round} of {ROUNDS}")?;
        rows.iter_mut().try_for_each(Row::round)?;
    }
    report(&rows)
}
