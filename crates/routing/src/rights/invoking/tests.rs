//! Who may be invoked by whom, row by row: one fact is changed in each.

use bascule_keyring::secret::KeyId;
use bascule_model::fault::Kind;
use bascule_model::policy::{PolicyArn, PolicyKind};
use bascule_model::uid::{ControlIndex, Uid};
use bascule_statemachine::codec::control::rows::{
    AccountRow, BusRow, Grants, InlinePolicy, MetaRow, OrganizationRow, PolicyRow, QueueRow, RoleRow, RuleRow,
    TargetRow, VersionRow,
};
use bascule_statemachine::codec::control::{self, Queue, Target};
use bascule_statemachine::control::state::{self, Row, State};

use super::*;
use crate::verdicts::Verdicts;

const OWN: &str = "000000000011";
const FAR: &str = "000000000022";
const ROOT: &str = "r-ab12";
const ORGANIZATION: &str = "o-abcdefghij";
const NOW: Millis = Millis(1_795_426_200_000);
const ROLE: &str = "arn:aws:iam::000000000011:role/team/carry";
const RULE: &str = "arn:aws:events:us-east-1:000000000011:rule/orders/ship";
const OWN_QUEUE: &str = "arn:aws:sqs:us-east-1:000000000011:inbox";
const FAR_QUEUE: &str = "arn:aws:sqs:us-east-1:000000000022:inbox";
const OWN_BUS: &str = "arn:aws:events:us-east-1:000000000011:event-bus/other";
const FAR_BUS: &str = "arn:aws:events:us-east-1:000000000022:event-bus/other";
const HOOK: &str = "arn:aws:events:us-east-1:000000000011:api-destination/hook/some-uuid";
const LOG: &str = "arn:aws:logs:us-east-1:000000000011:log-group:/shop:*";

const TRUST: &str = r#"{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

/// What there is; texts are statements, and an empty one is no policy.
#[derive(Clone)]
struct World {
    trust: String,
    identity: String,
    boundary: String,
    scp: String,
    rcp: String,
    own_policy: String,
    far_policy: String,
    closed: &'static str,
    target: &'static str,
    /// The target's role and its rule's.
    roles: (&'static str, &'static str),
}

impl World {
    fn new() -> Self {
        Self {
            trust: TRUST.to_owned(),
            identity: ALL.to_owned(),
            boundary: String::new(),
            scp: ALL.to_owned(),
            rcp: String::new(),
            own_policy: String::new(),
            far_policy: String::new(),
            closed: "",
            target: OWN_QUEUE,
            roles: (ROLE, ""),
        }
    }

    fn view(&self) -> View {
        let mut state = State { cluster: Some(cluster()), ..State::default() };
        let scp = self.control(&mut state, PolicyKind::ServiceControl, &self.scp);
        let rcp = self.control(&mut state, PolicyKind::ResourceControl, &self.rcp);
        let full = |kind| PolicyArn::full_access("aws", kind).unwrap().to_string();
        let open = vec![full(PolicyKind::ServiceControl), full(PolicyKind::ResourceControl)];
        state.organization = Some(OrganizationRow {
            id: ORGANIZATION.to_owned(),
            root: ROOT.to_owned(),
            management: 1,
            attached: open,
            ..OrganizationRow::default()
        });
        for account in [OWN, FAR] {
            let number = AccountId::parse(account).unwrap();
            let closed = self.closed == account;
            let attached = [scp.clone(), rcp.clone(), Some(full(PolicyKind::ResourceControl))];
            let attached = attached.into_iter().flatten().collect();
            let parent = ROOT.to_owned();
            let row = AccountRow { number: number.number(), parent, closed, attached, ..AccountRow::default() };
            state.accounts.insert(number, row);
        }
        self.principals(&mut state);
        self.resources(&mut state);
        View::of(ControlIndex(1), state)
    }

    fn control(&self, state: &mut State, kind: PolicyKind, statement: &str) -> Option<String> {
        let (uid, code) = match kind {
            PolicyKind::ServiceControl => (90, control::PolicyKind::ServiceControl),
            _ => (91, control::PolicyKind::ResourceControl),
        };
        put_policy(state, uid, 1, code, statement);
        let at = match kind {
            PolicyKind::ServiceControl => "service_control_policy",
            _ => "resource_control_policy",
        };
        let arn = format!("arn:aws:organizations::000000000001:policy/{ORGANIZATION}/{at}/p{uid}");
        (!statement.is_empty()).then_some(arn)
    }

    fn principals(&self, state: &mut State) {
        put_policy(state, 92, 11, control::PolicyKind::Identity, &self.boundary);
        let boundary = if self.boundary.is_empty() { "" } else { "arn:aws:iam::000000000011:policy/p92" };
        let inline = InlinePolicy { name: "own".to_owned(), document: document(&self.identity) };
        let grants = Grants { boundary: boundary.to_owned(), inline: vec![inline], ..Grants::default() };
        if !self.trust.is_empty() {
            let (name, path, trust) = ("carry".to_owned(), "/team/".to_owned(), document(&self.trust));
            let row = RoleRow { uid: 80, account: 11, name, path, trust, grants: Some(grants), ..RoleRow::default() };
            state.roles.insert(Uid(80), row);
        }
    }

    fn resources(&self, state: &mut State) {
        for (uid, account, name, policy) in
            [(1, 11, "orders", ""), (2, 11, "other", &*self.own_policy), (3, 22, "other", &*self.far_policy)]
        {
            let key_id = KeyId::from_random([1; 12]).as_bytes().to_vec().into();
            let (name, policy) = (name.to_owned(), document(policy));
            state.buses.insert(Uid(uid), BusRow { uid, account, name, policy, key_id, ..BusRow::default() });
        }
        for (uid, account, policy) in [(4, 11, &*self.own_policy), (5, 22, &*self.far_policy)] {
            let queue = Some(Queue { name: "inbox".to_owned(), ..Queue::default() });
            let policy = document(policy);
            state.queues.insert(Uid(uid), QueueRow { uid, account, queue, policy, ..QueueRow::default() });
        }
        let text = str::to_owned;
        let rule =
            control::Rule { bus: text("orders"), name: text("ship"), role: text(self.roles.1), ..Default::default() };
        state.rules.insert(Uid(6), RuleRow { uid: 6, bus_uid: 1, account: 11, rule: Some(rule), ..RuleRow::default() });
        let target = Target {
            id: text("t"),
            arn: text(self.target),
            role: text(self.roles.0),
            retry_age_s: 60,
            ..Target::default()
        };
        state.targets.insert(Uid(7), TargetRow { uid: 7, rule_uid: 6, minted_at: 1, target: Some(target) });
    }
}

fn cluster() -> MetaRow {
    MetaRow {
        cluster_id: vec![1; 16].into(),
        account: 1,
        partition: "aws".to_owned(),
        region: "us-east-1".to_owned(),
        ..MetaRow::default()
    }
}

fn put_policy(state: &mut State, uid: u64, account: u64, kind: control::PolicyKind, statement: &str) {
    if !statement.is_empty() {
        let versions = vec![VersionRow { number: 1, document: document(statement), ..VersionRow::default() }];
        let row = PolicyRow {
            uid,
            account,
            kind: kind.into(),
            name: format!("p{uid}"),
            path: "/".to_owned(),
            versions,
            in_force: 1,
            ..PolicyRow::default()
        };
        state.policies.insert(Uid(uid), row);
    }
}

fn document(statements: &str) -> String {
    match statements {
        "" => String::new(),
        _ => format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#),
    }
}

/// A statement of a resource's policy about the service or the role, under a condition.
fn of_resource(effect: &str, principal: &str, action: &str, condition: &str) -> String {
    let who = match principal {
        "*" => r#""*""#.to_owned(),
        "service" => r#"{"Service":"events.amazonaws.com"}"#.to_owned(),
        arn => format!(r#"{{"AWS":"{arn}"}}"#),
    };
    let condition = if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(r#"{{"Effect":"{effect}","Principal":{who},"Action":"{action}","Resource":"*"{condition}}}"#)
}

fn allowing(action: &str, resource: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
}

/// Whether the target may have every event (`every`), may be asked about each (`each`), or what stands in the refusal.
#[track_caller]
fn check(name: &str, expected: &str, change: impl FnOnce(&mut World)) {
    let mut world = World::new();
    change(&mut world);
    let view = world.view();
    let lane = view.lane(Uid(7)).unwrap();
    let found = leave(&view, lane, NOW);
    let all = deliverable(&view, lane, None, NOW);
    assert_eq!(all.is_ok(), found == Leave::Every, "{name}: {found:?} {all:?}");
    match (&found, expected) {
        (Leave::Every, "every") | (Leave::Each, "each") => {}
        (Leave::Never(refused), part) if refused.told.contains(part) && refused.why.contains(part) => {}
        _ => panic!("{name}: {found:?}, not {expected}"),
    }
}

#[test]
fn a_role_is_asked_as_any_session() {
    check("all is well", "every", |_| {});
    check("no role", "the role `arn:aws:iam::000000000011:role/team/carry` is not there", |w| w.trust.clear());
    check("another path", "is not there", |w| w.roles.0 = "arn:aws:iam::000000000011:role/carry");
    check("another account's", "is not of the rule's account", |w| w.roles.0 = "arn:aws:iam::000000000022:role/carry");
    let trust =
        |condition: &str| TRUST.replace("\"sts:AssumeRole\"", &format!(r#""sts:AssumeRole","Condition":{condition}"#));
    let mine = trust(&format!(
        r#"{{"ArnEquals":{{"aws:SourceArn":"{RULE}"}},"StringEquals":{{"aws:SourceAccount":"{OWN}"}}}}"#
    ));
    check("trust for this rule", "every", |w| w.trust = mine);
    let other = trust(r#"{"ArnEquals":{"aws:SourceArn":"arn:aws:events:us-east-1:000000000011:rule/orders/else"}}"#);
    check("trust for another rule", "cannot be assumed by events.amazonaws.com", |w| w.trust = other);
    check("trust for another account's", "cannot be assumed", |w| {
        w.trust = trust(&format!(r#"{{"StringEquals":{{"aws:SourceAccount":"{FAR}"}}}}"#));
    });
    check("trust for another service", "cannot be assumed", |w| w.trust = TRUST.replace("events.", "lambda."));
    check("the action is another", "may not sqs:SendMessage on `arn:aws:sqs:us-east-1:000000000011:inbox`", |w| {
        w.identity = allowing("sqs:ReceiveMessage", "*");
    });
    check("just this", "every", |w| w.identity = allowing("sqs:SendMessage", OWN_QUEUE));
    check("the rule's role", "every", |w| w.roles = ("", ROLE));
    check("the rule's role is gone", "is not there", |w| w.roles = ("", "arn:aws:iam::000000000011:role/none"));
    check("the target's own hides the rule's", "every", |w| w.roles = (ROLE, "arn:aws:iam::000000000011:role/none"));
}

#[test]
fn every_layer_limits_a_role() {
    check("boundary", "no permissions boundary allows it", |w| w.boundary = allowing("events:*", "*"));
    check("wider boundary", "every", |w| w.boundary = allowing("sqs:*", "*"));
    check("scp", "no service control policy", |w| w.scp = allowing("events:*", "*"));
    check("rcp", "denied by", |w| w.rcp = of_resource("Deny", "*", "sqs:SendMessage", ""));
    check("queue denies", "denied by", |w| w.own_policy = of_resource("Deny", "*", "sqs:SendMessage", ""));
    check("queue denies the role", "denied by", |w| w.own_policy = of_resource("Deny", ROLE, "sqs:*", ""));
    check("queue allows", "every", |w| {
        w.identity = allowing("sqs:ReceiveMessage", "*");
        w.own_policy = of_resource("Allow", ROLE, "sqs:SendMessage", "");
    });
    check("own account closed", "is closed", |w| w.closed = OWN);
    check("the other account closed does not matter", "every", |w| w.closed = FAR);
}

#[test]
fn another_account_has_its_say() {
    let far = |w: &mut World| w.target = FAR_QUEUE;
    check("nothing said", "no resource policy allows it", far);
    check("both sides", "every", |w| {
        far(w);
        w.far_policy = of_resource("Allow", ROLE, "sqs:SendMessage", "");
    });
    check("the account is named", "every", |w| {
        far(w);
        w.far_policy = of_resource("Allow", "arn:aws:iam::000000000011:root", "sqs:SendMessage", "");
    });
    check("own side missing", "no identity policy allows it", |w| {
        far(w);
        w.identity = allowing("events:*", "*");
        w.far_policy = of_resource("Allow", ROLE, "sqs:SendMessage", "");
    });
    check("the service is named, not the role", "no resource policy allows it", |w| {
        far(w);
        w.far_policy = of_resource("Allow", "service", "sqs:SendMessage", "");
    });
    check("the other account is closed", "the account `000000000022` is closed", |w| {
        far(w);
        w.far_policy = of_resource("Allow", "*", "sqs:*", "");
        w.closed = FAR;
    });
    check("bus, both sides", "every", |w| {
        w.target = FAR_BUS;
        w.identity = allowing("events:PutEvents", FAR_BUS);
        w.far_policy = of_resource("Allow", ROLE, "events:PutEvents", "");
    });
    check("bus, nothing said", "no resource policy allows it", |w| w.target = FAR_BUS);
}

#[test]
fn without_a_role_the_service_asks() {
    let alone = |w: &mut World| w.roles.0 = "";
    check("own account, nothing said", "every", |w| {
        alone(w);
        w.trust.clear();
    });
    check("own account denies", "denied by statement 0 of resource policy `queue/inbox`", |w| {
        alone(w);
        w.own_policy = of_resource("Deny", "*", "sqs:SendMessage", "");
    });
    check("own account denies others", "every", |w| {
        alone(w);
        w.own_policy =
            of_resource("Deny", "*", "sqs:SendMessage", r#"{"StringNotEquals":{"aws:SourceAccount":"000000000011"}}"#);
    });
    check("rcp denies", "denied by", |w| {
        alone(w);
        w.rcp = of_resource("Deny", "*", "sqs:SendMessage", r#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#);
    });
    check("scps are about principals of the account", "every", |w| {
        alone(w);
        w.scp = allowing("events:*", "*");
    });
    check("an unreadable policy", "cannot be evaluated", |w| {
        alone(w);
        w.own_policy = "{".to_owned();
    });
    check("own account closed", "is closed", |w| {
        alone(w);
        w.closed = OWN;
    });
    let far = |w: &mut World, policy: String| {
        w.roles.0 = "";
        w.target = FAR_QUEUE;
        w.far_policy = policy;
    };
    check("another account, nothing said", "no resource policy allows it", |w| far(w, String::new()));
    check("another account allows", "every", |w| far(w, of_resource("Allow", "service", "sqs:SendMessage", "")));
    let source = |rule: &str| format!(r#"{{"ArnLike":{{"aws:SourceArn":"{rule}"}}}}"#);
    check("for this rule", "every", |w| far(w, of_resource("Allow", "service", "sqs:SendMessage", &source(RULE))));
    check("for another rule", "no resource policy allows it", |w| {
        far(w, of_resource("Allow", "service", "sqs:SendMessage", &source(&format!("{RULE}2"))));
    });
    check("the role's name is of no use", "no resource policy allows it", |w| {
        far(w, of_resource("Allow", "arn:aws:iam::000000000011:root", "sqs:SendMessage", ""));
    });
}

#[test]
fn each_kind_has_its_action_and_its_one_arn() {
    for (target, action, resource) in [
        (OWN_QUEUE, "sqs:SendMessage", OWN_QUEUE),
        (OWN_BUS, "events:PutEvents", OWN_BUS),
        (HOOK, "events:InvokeApiDestination", "arn:aws:events:us-east-1:000000000011:api-destination/hook"),
        (LOG, "logs:PutLogEvents", "arn:aws:logs:us-east-1:000000000011:log-group:/shop"),
        (
            "arn:aws:bascule:us-east-1:000000000011:nats/n",
            "bascule:SendToOutlet",
            "arn:aws:bascule:us-east-1:000000000011:nats/n",
        ),
    ] {
        check(target, "every", |w| (w.target, w.identity) = (target, allowing(action, resource)));
        check(target, "no identity policy allows it", |w| {
            (w.target, w.identity) = (target, allowing(action, &format!("{resource}x")));
        });
        check(target, "no identity policy allows it", |w| {
            (w.target, w.identity) = (target, allowing("bascule:Other", resource));
        });
    }
    // What a rule sends on, and what a caller puts, are told apart.
    let forwarded = |value: &str| {
        format!(
            r#"{{"Effect":"Allow","Action":"events:PutEvents","Resource":"*","Condition":{{"Bool":{{"events:eventBusInvocation":"{value}"}}}}}}"#
        )
    };
    check("forwarded", "every", |w| (w.target, w.identity) = (OWN_BUS, forwarded("true")));
    check("put", "no identity policy allows it", |w| (w.target, w.identity) = (OWN_BUS, forwarded("false")));
}

#[test]
fn what_depends_on_the_event_is_asked_for_each() {
    let about = |source: &str, kind: &str| About { source: source.to_owned(), detail_type: kind.to_owned() };
    let of = |change: &dyn Fn(&mut World)| {
        let mut world = World { target: OWN_BUS, ..World::new() };
        change(&mut world);
        world.view()
    };
    let only_shop = r#"{"Effect":"Allow","Action":"events:PutEvents","Resource":"*","Condition":{"StringEquals":{"events:source":"shop"}}}"#;
    let not_bank =
        r#"{"Effect":"Deny","Action":"events:*","Resource":"*","Condition":{"StringEquals":{"events:source":"bank"}}}"#;
    let kinds = r#"{"Effect":"Allow","Action":"events:PutEvents","Resource":"*","Condition":{"ForAllValues:StringEqualsIfExists":{"events:detail-type":["sold"]}}}"#;
    for (name, change, allowed) in [
        (
            "allowed by source",
            &(|w: &mut World| w.identity = only_shop.to_owned()) as &dyn Fn(&mut World),
            ("shop", "sold"),
        ),
        ("denied by source", &|w: &mut World| w.identity = format!("{ALL},{not_bank}"), ("shop", "sold")),
        ("allowed by type", &|w: &mut World| w.identity = kinds.to_owned(), ("shop", "sold")),
        ("bounded by source", &|w: &mut World| w.boundary = only_shop.to_owned(), ("shop", "sold")),
        (
            "the bus denies",
            &|w: &mut World| {
                w.own_policy =
                    of_resource("Deny", "*", "events:PutEvents", r#"{"StringNotEquals":{"events:source":"shop"}}"#);
            },
            ("shop", "sold"),
        ),
    ] {
        let view = of(change);
        let lane = view.lane(Uid(7)).unwrap();
        assert_eq!(leave(&view, lane, NOW), Leave::Each, "{name}");
        assert!(deliverable(&view, lane, None, NOW).is_err(), "{name}");
        let (source, kind) = allowed;
        assert_eq!(deliverable(&view, lane, Some(&about(source, kind)), NOW), Ok(()), "{name}");
        let refused = deliverable(&view, lane, Some(&about("bank", "bought")), NOW).unwrap_err();
        assert!(refused.told.contains("may not events:PutEvents"), "{name}: {refused:?}");
    }
    // A refusal that no event changes is the whole lane's.
    check("another condition", "no identity policy allows it", |w| {
        w.target = OWN_BUS;
        w.identity = only_shop.replace("events:source\":\"shop", "aws:SourceIp\":\"10.0.0.1");
    });
    check("denied in any case", "denied by", |w| {
        w.target = OWN_BUS;
        w.identity = format!(r#"{ALL},{{"Effect":"Deny","Action":"events:PutEvents","Resource":"*"}}"#);
    });
    check("allowed in any case", "every", |w| (w.target, w.identity) = (OWN_BUS, format!("{only_shop},{ALL}")));
    check("of a queue nobody asks it", "no identity policy allows it", |w| {
        w.identity = only_shop.replace("events:PutEvents", "sqs:SendMessage");
    });
    assert_eq!(About::of(r#"{"source":"s","detail-type":"t","detail":{}}"#), Some(about("s", "t")));
    assert_eq!((About::of("{}"), About::of("")), (None, None));
}

/// Whatever policies say of source and type: what every event may pass lets each pass, and what none may lets none.
#[test]
fn a_whole_lane_is_never_mistaken() {
    let conditions = [
        "",
        r#"{"StringEquals":{"events:source":"shop"}}"#,
        r#"{"StringNotEquals":{"events:source":"shop"}}"#,
        r#"{"StringLike":{"events:source":"s*","events:detail-type":"sold"}}"#,
        r#"{"StringEqualsIfExists":{"events:detail-type":"sold"}}"#,
        r#"{"Null":{"events:source":"true"}}"#,
        r#"{"Null":{"events:source":"false"}}"#,
        r#"{"ForAllValues:StringEquals":{"events:source":["shop"]}}"#,
        r#"{"ForAnyValue:StringNotEquals":{"events:source":["shop"]}}"#,
        r#"{"StringEquals":{"events:source":"shop","aws:SourceIp":"x"}}"#,
        r#"{"Bool":{"events:eventBusInvocation":"true"}}"#,
    ];
    let with =
        |condition: &str| if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    let own = |effect: &str, condition: &str| {
        format!(r#"{{"Effect":"{effect}","Action":"events:PutEvents","Resource":"*"{}}}"#, with(condition))
    };
    let variable =
        r#"{"Effect":"Allow","Action":"events:*","Resource":"arn:aws:events:*:*:event-bus/${events:source}"}"#;
    let mut statements: Vec<String> = conditions.iter().flat_map(|one| [own("Allow", one), own("Deny", one)]).collect();
    statements.push(variable.to_owned());
    let events = [("shop", "sold"), ("shop", "bought"), ("bank", "sold"), ("other", "x"), ("", "")]
        .map(|(source, kind)| About { source: source.to_owned(), detail_type: kind.to_owned() });
    let (mut all, mut each, mut none) = (0, 0, 0);
    for first in &statements {
        for second in &statements {
            for (far, third) in [(false, ""), (false, conditions[1]), (true, conditions[1]), (true, "")] {
                let mut world = World { target: OWN_BUS, identity: format!("{first},{second}"), ..World::new() };
                match (far, third) {
                    (true, condition) => {
                        world.target = FAR_BUS;
                        world.far_policy = of_resource("Allow", ROLE, "events:PutEvents", condition);
                    }
                    (false, "") => {}
                    (false, condition) => world.own_policy = of_resource("Deny", "*", "events:PutEvents", condition),
                }
                let view = world.view();
                let lane = view.lane(Uid(7)).unwrap();
                let passed = events.iter().filter(|about| deliverable(&view, lane, Some(about), NOW).is_ok()).count();
                match leave(&view, lane, NOW) {
                    Leave::Every => all += usize::from(passed == events.len()),
                    Leave::Never(_) => none += usize::from(passed == 0),
                    Leave::Each => each += 1,
                }
            }
        }
    }
    assert_eq!(all + each + none, statements.len() * statements.len() * 4, "{all} {each} {none}");
    assert!(all > 50 && each > 50 && none > 50, "{all} {each} {none}");
}

#[test]
fn dead_letters_are_the_services_own() {
    let queue = |arn: &str| Arn::parse("Arn", arn).unwrap();
    for (name, arn, change, expected) in [
        ("own account, role or not", OWN_QUEUE, &(|w: &mut World| w.trust.clear()) as &dyn Fn(&mut World), true),
        ("own queue denies", OWN_QUEUE, &|w: &mut World| w.own_policy = of_resource("Deny", "*", "sqs:*", ""), false),
        ("another account, nothing said", FAR_QUEUE, &|_: &mut World| {}, false),
        (
            "another account names the role",
            FAR_QUEUE,
            &|w: &mut World| w.far_policy = of_resource("Allow", ROLE, "sqs:*", ""),
            false,
        ),
        (
            "another account names the service",
            FAR_QUEUE,
            &|w: &mut World| {
                let condition = format!(r#"{{"ArnEquals":{{"aws:SourceArn":"{RULE}"}}}}"#);
                w.far_policy = of_resource("Allow", "service", "sqs:SendMessage", &condition);
            },
            true,
        ),
    ] {
        let mut world = World::new();
        change(&mut world);
        let view = world.view();
        let found = buriable(&view, view.lane(Uid(7)).unwrap(), &queue(arn), NOW);
        assert_eq!(found.is_ok(), expected, "{name}: {found:?}");
    }
}

#[test]
fn a_role_can_be_asked_about_before_it_is_given() {
    let (rule, role) = (Arn::parse("", RULE).unwrap(), |arn: &str| Arn::parse("", arn).unwrap());
    let view = World::new().view();
    assert_eq!(assumable(&view, &rule, &role(ROLE), NOW), Ok(()));
    for (arn, part) in [
        ("arn:aws:iam::000000000011:role/none", "is not there"),
        ("arn:aws:iam::000000000022:role/team/carry", "is not of the rule's account"),
    ] {
        let refused = assumable(&view, &rule, &role(arn), NOW).unwrap_err();
        assert!(refused.told.contains(part), "{refused:?}");
    }
}

#[test]
fn a_footing_holds_until_something_moves() {
    let view = World::new().view();
    let of = |view: &View| (view.rule(Uid(6)).unwrap().clone(), view.lane(Uid(7)).unwrap().clone());
    let (rule, lane) = of(&view);
    let footing = Footing::of(&view, &rule, &lane);
    assert!(footing.holds(&view, &rule, &lane));
    let mut moved = view.clone();
    let row = AccountRow { epoch: 9, ..view.realm.account(AccountId::parse(OWN).unwrap()).unwrap().row.clone() };
    moved.absorb(state::Effect::Upsert(Box::new(Row::Account(row))));
    assert!(!footing.holds(&moved, &rule, &lane));
    // A put asks once a second, or when something moves.
    let verdicts = Verdicts::default();
    let may = |view: &View, now: u64| {
        let (rule, lane) = of(view);
        verdicts.may(view, &rule, &lane, Millis(NOW.0 + now))
    };
    let gone = {
        let mut gone = view.clone();
        gone.absorb(state::Effect::Delete { kind: Kind::Role, uid: Uid(80) });
        gone
    };
    assert!(may(&view, 0) && may(&gone, 999), "nothing that it looks at has moved");
    assert!(!may(&gone, 1_000), "conditions may be about the time");
    assert!(!may(&view, 1_999) && may(&view, 2_000));
    let mut moved_and_gone = moved.clone();
    moved_and_gone.absorb(state::Effect::Delete { kind: Kind::Role, uid: Uid(80) });
    assert!(!may(&moved_and_gone, 2_001) && may(&view, 2_002), "an epoch moved");
    // What may not be invoked is stamped as a delivery.
    for (allowed, rules, direct) in [(true, vec![], vec![4]), (false, vec![6], vec![])] {
        let stamp = crate::stamp::of_rule(&view, &rule, |_, _| allowed).unwrap();
        let queues: Vec<u64> = stamp.direct.iter().map(|direct| direct.queue).collect();
        assert_eq!((stamp.rules, queues), (rules, direct));
    }
    // The same lane with another role in its rule, and one that was put again.
    let mut other = World::new();
    other.roles = ("", ROLE);
    let other = other.view();
    let (rule, lane) = of(&other);
    assert!(!footing.holds(&other, &rule, &lane));
}
