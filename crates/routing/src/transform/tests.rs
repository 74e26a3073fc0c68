//! Rows of the service's own pages, and what it says no word about.

use super::*;

const EVENT_TEXT: &str = r#"{"version":"0","id":"7bf73129","detail-type":"State change","source":"my.ec2","account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1","resources":["arn:one","arn:two"],"detail":{"instance-id":"i-0123456789","state":"RUNNING","count":1.10,"tags":{"a":"b"},"list":["x",2],"said":"a \"quote\"","none":null}}"#;

const ABOUT: About<'_> = About {
    rule_arn: "arn:aws:events:us-east-1:123456789012:rule/r",
    rule_name: "r",
    accepted: Millis(1_447_277_394_567),
};

fn input(template: &str) -> Input {
    let path = |name: &str, path: &str| (name.to_owned(), path.to_owned());
    let paths = vec![
        path("count", "$.detail.count"),
        path("instance", "$.detail.instance-id"),
        path("list", "$.detail.list"),
        path("missing", "$.detail.missing"),
        path("none", "$.detail.none"),
        path("resources", "$.resources[*]"),
        path("said", "$.detail.said"),
        path("state", "$.detail.state"),
        path("tags", "$.detail.tags"),
    ];
    Input::Template { paths, template: template.to_owned() }
}

fn made(input: &Input) -> Result<String, String> {
    let transform = Transform::compile("t", input).map_err(|fault| fault.to_string())?;
    transform.apply(EVENT_TEXT, ABOUT).map_err(|refused| refused.to_string())
}

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html>: the kinds of its examples.
#[test]
fn templates_give_what_the_page_says() {
    for (template, expected) in [
        (r#""instance <instance> is in <state>""#, r#""instance i-0123456789 is in RUNNING""#),
        (r#""instance \"<instance>\" is in <state>""#, r#""instance \"i-0123456789\" is in RUNNING""#),
        (r#"{"instance" : <instance>, "state": <state>}"#, r#"{"instance" : "i-0123456789", "state": "RUNNING"}"#),
        (
            r#"{"instance" : <instance>, "state": "<state>", "text": "instance \"<instance>\" is in <state>"}"#,
            r#"{"instance" : "i-0123456789", "state": "RUNNING", "text": "instance \"i-0123456789\" is in RUNNING"}"#,
        ),
        (
            r#"{"instance" : <instance>, "state": [ 9, <state>, true ], "Transformed" : "Yes"}"#,
            r#"{"instance" : "i-0123456789", "state": [ 9, "RUNNING", true ], "Transformed" : "Yes"}"#,
        ),
        // Numbers keep their letters; objects, arrays and null stand as they are.
        (r#"[<count>,<tags>,<list>,<none>,<resources>]"#, r#"[1.10,{"a":"b"},["x",2],null,["arn:one","arn:two"]]"#),
        // In a string the quotes of what is no string are left out, and a path without a value leaves nothing.
        (r#""<count> <tags> <list> <none>:<missing>.""#, r#""1.10 {a:b} [x,2] null:.""#),
        (
            r#""one <state>"
"two <state>""#,
            "\"one RUNNING\"\n\"two RUNNING\"",
        ),
        ("\"a < b > <state>\"", "\"a < b > RUNNING\""),
        (
            r#"{"r":<aws.events.rule-arn>,"n":"<aws.events.rule-name>","t":<aws.events.event.ingestion-time>}"#,
            r#"{"r":"arn:aws:events:us-east-1:123456789012:rule/r","n":"r","t":"2015-11-11T21:29:54Z"}"#,
        ),
        (
            r#"{"e":<aws.events.event>}"#,
            r#"{"e":{"version":"0","id":"7bf73129","detail-type":"State change","source":"my.ec2","account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1","resources":["arn:one","arn:two"]}}"#,
        ),
    ] {
        assert_eq!(made(&input(template)).as_deref(), Ok(expected), "{template}");
    }
    assert_eq!(made(&input("<aws.events.event.json>")).as_deref(), Ok(EVENT_TEXT));
}

#[test]
fn what_no_event_can_make_right_is_refused_at_once() {
    for (template, told) in [
        (r#""<nobody>""#, "InputTemplate for target t contains invalid placeholder nobody."),
        (r#""<aws.events.other>""#, "InputTemplate for target t contains invalid placeholder aws.events.other."),
        (r#"{"<state>": 1}"#, "InputTemplate for target t has the placeholder state in an object key."),
        (r#" {"a": {<state> : 1}}"#, "InputTemplate for target t has the placeholder state in an object key."),
        (r#"<state> is in <state>"#, "Invalid InputTemplate for target t : "),
        (r#"{"a": <state>"#, "Invalid InputTemplate for target t : "),
        (r#"{"a": "<state>}"#, "Invalid InputTemplate for target t : "),
        (r#""\<state>""#, "stands before <state>"),
        (r#"{"a":<state>}{"b":1}"#, "not all are strings"),
        ("1 2", "not all are strings"),
    ] {
        let refusal = made(&input(template)).unwrap_err();
        assert!(refusal.contains(told), "{template}: {refusal}");
    }
    // A colon behind a value is not a key's.
    for good in [r#"{"a": "<state>: b", "c": <state>, "d": 1}"#, r#"{"a":[<state>],"b":1}"#] {
        assert!(made(&input(good)).is_ok(), "{good}");
    }
    for bad in [
        Input::Path("detail".to_owned()),
        Input::Constant("no json".to_owned()),
        Input::Constant("{}{}".to_owned()),
        Input::Constant("\"a\"\n\"b\"".to_owned()),
        Input::Constant(String::new()),
    ] {
        assert!(made(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn what_an_event_breaks_is_a_failed_delivery() {
    let compiled = |template: &str| Transform::compile("t", &input(template)).unwrap().apply(EVENT_TEXT, ABOUT);
    for template in [r#"{"a": <missing>}"#, r#"{"a": "<said>"}"#, "<missing>"] {
        assert!(matches!(compiled(template), Err(Refused::NotJson(_))), "{template}");
    }
    let missing = Transform::compile("t", &Input::Path("$.detail.missing".to_owned())).unwrap();
    assert_eq!(missing.apply(EVENT_TEXT, ABOUT), Err(Refused::Missing));
    let long = format!("[{}]", vec!["<aws.events.event.json>"; 300].join(","));
    let long = Transform::compile("t", &input(&long)).unwrap();
    let event = EVENT_TEXT.replace("quote", &"q".repeat(10_000));
    assert_eq!(long.apply(&event, ABOUT), Err(Refused::TooLong));
}

#[test]
fn constants_and_parts() {
    for (input, expected) in [
        (Input::Event, EVENT_TEXT),
        (Input::Constant(r#"{"a":1}"#.to_owned()), r#"{"a":1}"#),
        (Input::Path("$.detail.tags".to_owned()), r#"{"a":"b"}"#),
        (Input::Path("$.detail.state".to_owned()), r#""RUNNING""#),
        (Input::Path("$".to_owned()), EVENT_TEXT),
    ] {
        assert_eq!(made(&input).as_deref(), Ok(expected), "{input:?}");
    }
}

#[test]
fn deep_paths_over_long_events_end() {
    let path = format!("${}", ".a".repeat(120));
    let paths: Vec<_> = (0..100).map(|nth| (format!("v{nth}"), path.clone())).collect();
    let template = (0..100).map(|nth| format!("<v{nth}>")).collect::<Vec<_>>().join(",");
    let transform = Transform::compile("t", &Input::Template { paths, template: format!("[{template}]") }).unwrap();
    let event = format!("{}\"{}\"{}", r#"{"a":"#.repeat(200), "x".repeat(500_000), "}".repeat(200));
    assert_eq!(transform.apply(&event, ABOUT), Err(Refused::TooMuch));
}

#[test]
fn http_parameters_are_taken_from_the_event() {
    let pair = |value: &str| vec![("n".to_owned(), value.to_owned())];
    let given = HttpParameters {
        path_values: vec!["$.detail.instance-id".to_owned(), "$x".to_owned()],
        headers: pair("$.detail.count"),
        query: pair("$.detail.said"),
    };
    check_parameters(&given).unwrap();
    let filled = parameters(&given, EVENT_TEXT).unwrap();
    assert_eq!(filled.path_values, ["i-0123456789", "$x"]);
    assert_eq!((filled.headers, filled.query), (pair("1.10"), pair("a \"quote\"")));
    let missing = HttpParameters { headers: pair("$.detail.missing"), ..HttpParameters::default() };
    assert_eq!(parameters(&missing, EVENT_TEXT), Err(Refused::Parameter("$.detail.missing".to_owned())));
    let bad = HttpParameters { query: pair("$.a b"), ..HttpParameters::default() };
    assert!(check_parameters(&bad).unwrap_err().to_string().contains("HttpParameters.n"));
}
