//! What may stand in a bus's or queue's policy, and what the shorthand makes.

use super::*;

const BUS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/orders";
const RULES: &str = "arn:aws:events:us-east-1:111122223333:rule/";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:inbox";

fn scope() -> Scope {
    Scope::new("aws", "us-east-1", AccountId::parse("111122223333").unwrap()).unwrap()
}

fn document(statements: &Value) -> String {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    read(&text).unwrap_or_else(|refusal| panic!("{text}: {}", refusal.message));
    text
}

/// Where the document is refused.
fn refused(place: &Place, text: &str) -> Option<String> {
    let refusal = place.check(text).err()?;
    assert_eq!((refusal.reason, refusal.fields[0].subject.as_str()), (Reason::PolicyInvalid, "Policy"), "{text}");
    Some(refusal.metadata["place"].clone())
}

#[test]
fn a_policy_is_about_its_resource_and_what_may_be_done_with_it() {
    let statement = |action: Value, resource: Value| json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource});
    let (orders, default) = (Place::bus(&scope(), "orders").unwrap(), Place::bus(&scope(), "default").unwrap());
    let queue = Place::queue(&scope(), "inbox").unwrap();
    let rule = |rest: &str| json!(format!("{RULES}{rest}"));
    let put = || json!("events:PutEvents");
    for (place, action, resource, at) in [
        (&orders, put(), json!(BUS), None),
        (&orders, json!("EVENTS:putevents"), json!(BUS), None),
        (&orders, json!(["events:PutRule", "events:DescribeRule"]), rule("orders/*"), None),
        (&orders, json!("events:PutRule"), json!([rule("orders/a"), BUS]), None),
        (&orders, json!("events:*"), json!(BUS), Some("Statement.Action")),
        (&orders, json!("*"), json!(BUS), Some("Statement.Action")),
        (&orders, json!("events:PutPermission"), json!(BUS), Some("Statement.Action")),
        (&orders, json!("events:DeleteEventBus"), json!(BUS), Some("Statement.Action")),
        (&orders, json!(["events:PutEvents", "sqs:SendMessage"]), json!(BUS), Some("Statement.Action[1]")),
        (&orders, put(), json!("*"), Some("Statement.Resource")),
        (&orders, put(), json!(format!("{BUS}s")), Some("Statement.Resource")),
        (&orders, put(), json!([BUS, rule("other/a")]), Some("Statement.Resource[1]")),
        (&orders, put(), rule("orders/"), Some("Statement.Resource")),
        (&orders, put(), rule("orders/a/b"), Some("Statement.Resource")),
        (&orders, put(), json!("arn:aws:events:*:111122223333:event-bus/orders"), Some("Statement.Resource")),
        (&default, put(), rule("a"), None),
        (&default, put(), rule("*"), None),
        (&default, put(), rule("orders/a"), Some("Statement.Resource")),
        (&default, put(), json!(BUS), Some("Statement.Resource")),
        (&queue, json!("sqs:ReceiveMessage"), json!(QUEUE), None),
        (&queue, json!("SQS:*"), json!(QUEUE), None),
        (&queue, json!("*"), json!(QUEUE), Some("Statement.Action")),
        (&queue, put(), json!(QUEUE), Some("Statement.Action")),
        (&queue, json!("sqs:*"), json!("*"), Some("Statement.Resource")),
        (&queue, json!("sqs:*"), json!(format!("{QUEUE}*")), Some("Statement.Resource")),
    ] {
        let text = document(&statement(action, resource));
        assert_eq!(refused(place, &text).as_deref(), at, "{text}");
        let mut listed: Value = serde_json::from_str(&text).unwrap();
        listed["Statement"] = json!([listed["Statement"]]);
        let at = at.map(|at| at.replace("Statement", "Statement[0]"));
        assert_eq!(refused(place, &listed.to_string()), at, "{listed}");
    }
}

#[test]
fn nothing_is_said_by_what_it_is_not_about() {
    let orders = Place::bus(&scope(), "orders").unwrap();
    for element in ["NotAction", "NotResource"] {
        let mut statement = json!({"Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": BUS});
        let own = statement.as_object_mut().unwrap().remove(&element[3..]).unwrap();
        statement[element] = own;
        let refusal = orders.check(&document(&statement)).unwrap_err();
        assert_eq!((refusal.metadata["place"].as_str(), refusal.metadata["value"].as_str()), ("Statement", element));
    }
}

fn short(change: impl FnOnce(&mut PutPermissionRequest)) -> PutPermissionRequest {
    let mut request = PutPermissionRequest {
        event_bus_name: "orders".to_owned(),
        action: PUT_EVENTS.to_owned(),
        principal: "444455556666".to_owned(),
        statement_id: "other".to_owned(),
        ..PutPermissionRequest::default()
    };
    change(&mut request);
    request
}

fn condition(kind: &str, key: &str, value: &str) -> Option<PermissionCondition> {
    Some(PermissionCondition { r#type: kind.to_owned(), key: key.to_owned(), value: value.to_owned() })
}

#[test]
fn the_shorthand_has_its_fields() {
    let text = str::to_owned;
    for (request, field) in [
        (short(|_| {}), None),
        (short(|request| request.principal = text("*")), None),
        (short(|request| request.statement_id = "a".repeat(64)), None),
        (short(|request| request.condition = condition("StringEquals", "aws:PrincipalOrgID", "o-abcdefghij")), None),
        (short(|request| request.action = text("")), Some("Action")),
        (short(|request| request.action = text("events:PutRule")), Some("Action")),
        (short(|request| request.principal = text("")), Some("Principal")),
        (short(|request| request.principal = text("44445555666")), Some("Principal")),
        (short(|request| request.principal = text("arn:aws:iam::444455556666:root")), Some("Principal")),
        (short(|request| request.statement_id = text("")), Some("StatementId")),
        (short(|request| request.statement_id = "a".repeat(65)), Some("StatementId")),
        (short(|request| request.statement_id = text("a b")), Some("StatementId")),
        (
            short(|request| request.condition = condition("StringLike", "aws:PrincipalOrgID", "o-abcdefghij")),
            Some("Condition.Type"),
        ),
        (
            short(|request| request.condition = condition("StringEquals", "aws:SourceIp", "o-abcdefghij")),
            Some("Condition.Key"),
        ),
        (
            short(|request| request.condition = condition("StringEquals", "aws:PrincipalOrgID", "o-*")),
            Some("Condition.Value"),
        ),
        (short(|request| request.policy = text("{}")), Some("Policy")),
        (short(|request| request.event_bus_name = text("a b")), Some("EventBusName")),
    ] {
        let found = asked_put(request.clone()).err().map(|refusal| refusal.fields[0].subject.clone());
        assert_eq!(found.as_deref(), field, "{request:?}");
    }
}

#[test]
fn what_the_shorthand_makes_is_a_policy_and_replaces_its_like() {
    let make = |stored: &str, request: &PutPermissionRequest| {
        let shorthand = Shorthand::check(request).unwrap();
        let mut stored = Stored::read(stored).unwrap();
        let had = stored.remove(&shorthand.sid);
        stored.put(&shorthand, &scope(), &BusName::parse("orders").unwrap()).unwrap();
        let text = stored.write();
        (text, had)
    };
    let (first, had) = make("", &short(|_| {}));
    assert!(!had);
    let expected = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "other", "Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS,
        "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
    }]});
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap(), expected);
    let (second, had) = make(
        &first,
        &short(|request| {
            request.statement_id = "all".to_owned();
            request.principal = "*".to_owned();
            request.condition = condition("StringEquals", "aws:PrincipalOrgID", "o-abcdefghij");
        }),
    );
    assert!(!had);
    let (third, had) = make(&second, &short(|request| request.principal = "777788889999".to_owned()));
    assert!(had);
    let third: Value = serde_json::from_str(&third).unwrap();
    assert_eq!(third["Statement"].as_array().unwrap().len(), 2);
    assert_eq!(third["Statement"][0]["Condition"], json!({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}));
    assert_eq!(third["Statement"][1]["Principal"]["AWS"], "arn:aws:iam::777788889999:root");
    // One statement that is no list, and elements beside the statements, stay.
    let single = json!({"Version": "2008-10-17", "Id": "mine", "Statement": expected["Statement"][0]}).to_string();
    let mut stored = Stored::read(&single).unwrap();
    assert!(!stored.remove("none") && stored.statements.len() == 1);
    assert!(stored.document["Id"] == "mine" && stored.document["Version"] == "2008-10-17");
    assert!(stored.remove("other"));
    assert_eq!(stored.write(), "");
}
