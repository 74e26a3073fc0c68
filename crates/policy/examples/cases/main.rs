//! Random requests with random policies and this engine's decisions, one JSON object a line, for a comparison with another
//! engine: `cargo run --release -p bascule-policy --example cases SEED COUNT`. Reads nothing.

mod asked;
mod chance;
mod documents;

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use bascule_policy::decide::{Consent, Level};
use bascule_policy::decision::{Denial, Layer, Source};
use bascule_policy::explain::{Explanation, Outcome, Why, explain};
use bascule_policy::{Decision, Kind, Layers, Policy};
use serde_json::{Value as Json, json};

use crate::asked::Asked;
use crate::chance::Chance;
use crate::documents::{Shape, document, resource_control};

/// The policies of one decision, by layer. Levels have one policy each.
struct Documents {
    scps: Vec<Json>,
    rcps: Vec<Json>,
    resource: Option<Json>,
    identity: Option<Json>,
    boundary: Option<Json>,
    session: Option<Json>,
}

impl Documents {
    fn random(chance: &mut Chance, asked: &Asked) -> Self {
        let own = Shape { control: false, principals: false, trust: false, deny_one_in: 9, full_one_in: 2 };
        let control = Shape { control: true, deny_one_in: 10, full_one_in: 1, ..own };
        let is_trust = asked.subject.action == "sts:AssumeRole";
        let on_resource = Shape { principals: true, trust: is_trust, full_one_in: 3, ..own };
        let foreign = asked.caller.starts_with("other");
        let service = asked.caller == "service";
        let has_resource = is_trust || service || foreign && !chance.one_in(6) || chance.one_in(2);
        // The other engine has no root user: here its power is written down.
        let root = || json!({"Version": "2012-10-17", "Statement": [{"Sid": "Full", "Effect": "Allow", "Action": "*", "Resource": "*"}]});
        let identity = match asked.caller {
            "root" => Some(root()),
            "service" => None,
            _ => (!chance.one_in(6)).then(|| document(chance, asked, own)),
        };
        let limited = !service && asked.caller != "root";
        Self {
            scps: (0..if service || !chance.one_in(3) { 0 } else { 1 + chance.below(3) })
                .map(|at| document(chance, asked, Shape { full_one_in: if at == 2 { 2 } else { 1 }, ..control }))
                .collect(),
            rcps: (0..if chance.one_in(6) { 1 + chance.below(2) } else { 0 })
                .map(|_| resource_control(chance, asked))
                .collect(),
            resource: has_resource.then(|| document(chance, asked, on_resource)),
            identity,
            boundary: (limited && chance.one_in(5)).then(|| document(chance, asked, own)),
            session: (asked.caller.ends_with("session") && chance.one_in(3)).then(|| document(chance, asked, own)),
        }
    }

    fn decided(&self, asked: &Asked) -> Result<Json, Box<dyn Error>> {
        let read =
            |kind, name: &str, json: &Json| Policy::parse_within(kind, name, &json.to_string(), 20_000).map(Arc::new);
        let one = |kind, name, json: &Option<Json>| json.as_ref().map(|json| read(kind, name, json)).transpose();
        let full = Arc::new(Policy::parse(
            Kind::Rcp,
            "RCPFullAWSAccess",
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#,
        )?);
        let scps: Result<Vec<Level>, _> = self
            .scps
            .iter()
            .map(|json| read(Kind::Scp, "scp", json).map(|policy| -> Level { Box::new([policy]) }))
            .collect();
        let rcp = |json| read(Kind::Rcp, "rcp", json).map(|policy| -> Level { Box::new([full.clone(), policy]) });
        let rcps: Result<Vec<Level>, _> = self.rcps.iter().map(rcp).collect();
        let (scps, rcps) = (scps?, rcps?);
        let is_trust = asked.subject.action == "sts:AssumeRole";
        let kind = if is_trust { Kind::Trust } else { Kind::Resource };
        let resource: Vec<Arc<Policy>> = one(kind, "resource", &self.resource)?.into_iter().collect();
        let identity: Vec<Arc<Policy>> = one(Kind::Identity, "identity", &self.identity)?.into_iter().collect();
        let boundary = one(Kind::Boundary, "boundary", &self.boundary)?;
        let session = one(Kind::Session, "session", &self.session)?.map(|policy| vec![policy]);
        let layers = Layers {
            scps: &scps,
            rcps: &rcps,
            resource: &resource,
            consent: if is_trust { Consent::Explicit } else { Consent::Either },
            identity: &identity,
            boundary: boundary.as_deref(),
            session: session.as_deref(),
        };
        asked.with(|request| shown(&explain(request, &layers)))
    }

    fn json(&self) -> Json {
        json!({"scps": self.scps, "rcps": self.rcps, "resource": self.resource, "identity": self.identity,
            "boundary": self.boundary, "session": self.session})
    }
}

const fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Scp => "scp",
        Layer::Rcp => "rcp",
        Layer::Resource => "resource",
        Layer::Identity => "identity",
        Layer::Boundary => "boundary",
        Layer::Session => "session",
    }
}

/// Result, reason, the statements that decide, and what became of each statement that is about the action.
fn shown(explanation: &Explanation<'_>) -> Json {
    let decision = &explanation.decision;
    let source = |source: &Source<'_>| json!({"layer": layer(source.layer), "sid": source.sid()});
    let (result, reason, by) = match decision {
        Decision::Allowed(grant) => {
            ("Allowed", "allow", grant.identity.iter().chain(&grant.resource).map(source).collect())
        }
        Decision::Denied(Denial::Explicit(from)) => ("ExplicitlyDenied", "explicit", vec![source(from)]),
        Decision::Denied(Denial::Unclear(from)) => ("ExplicitlyDenied", "unclear", vec![source(from)]),
        Decision::Denied(Denial::Unusable { layer: at, .. }) => {
            ("ExplicitlyDenied", "unusable", vec![json!({"layer": layer(*at)})])
        }
        Decision::Denied(Denial::Implicit { layer: at, level }) => {
            ("ImplicitlyDenied", "implicit", vec![json!({"layer": layer(*at), "level": level})])
        }
    };
    let statements: Vec<Json> = explanation
        .statements
        .iter()
        .map(|one| {
            let (outcome, unmet) = match &one.outcome {
                Outcome::Applies => ("applies", Vec::new()),
                Outcome::OtherPrincipals => ("principal", Vec::new()),
                Outcome::OtherResources => ("resource", Vec::new()),
                Outcome::Unclear => ("unclear", Vec::new()),
                Outcome::Conditions(unmet) => {
                    let unclear = unmet.iter().all(|one| one.why == Why::Unclear);
                    let keys = unmet.iter().map(|one| json!(one.key)).collect();
                    (if unclear { "unclear" } else { "condition" }, keys)
                }
            };
            json!({"layer": layer(one.source.layer), "level": one.level, "policy": one.source.policy.name(),
                "sid": one.source.sid(), "outcome": outcome, "unmet": unmet})
        })
        .collect();
    json!({"result": result, "reason": reason, "by": by, "text": decision.to_string(), "statements": statements})
}

fn main() -> Result<(), Box<dyn Error>> {
    let numbers: Result<Vec<u64>, _> = std::env::args().skip(1).map(|text| text.parse()).collect();
    let (seed, count) = match numbers.as_deref() {
        Ok([seed, count]) => (*seed, *count),
        _ => return Err("it is called with SEED and COUNT".into()),
    };
    let mut chance = Chance(seed);
    let mut out = BufWriter::new(io::stdout().lock());
    for id in 0..count {
        let asked = Asked::random(&mut chance);
        let documents = Documents::random(&mut chance, &asked);
        let case = json!({
            "id": id,
            "request": {
                "caller": asked.caller,
                "principal": asked.name(),
                "action": asked.subject.action,
                "resource": asked.subject.arn,
                "account": asked::HOME,
                "keys": asked.keys(),
            },
            "layers": documents.json(),
            "decision": documents.decided(&asked)?,
        });
        writeln!(out, "{case}")?;
    }
    Ok(())
}
