//! What targets and connections add to a request: path values, headers, query, body; the connection wins.

use anyhow::Context as _;
use bascule_api::v1::connection_parameter::Value;
use bascule_api::v1::{
    ConnectionAuthorization, ConnectionParameter, CreateConnectionRequest, HttpParameters, ParameterPlace, Secret,
    Target,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, signing, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::{Receiver, Signed};
use bascule_tests::wait::PATIENCE;

fn parameter(place: ParameterPlace, key: &str, value: Value) -> ConnectionParameter {
    ConnectionParameter { place: place.into(), key: key.to_owned(), value: Some(value) }
}

fn pairs(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_put_where_they_belong_and_the_connection_wins() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let plain = |text: &str| Value::Plain(text.to_owned());
    let hidden = |text: &str| Value::Secret(Secret { value: text.to_owned() });
    let invocation_parameters = vec![
        parameter(ParameterPlace::Header, "X-Both", plain("connection")),
        parameter(ParameterPlace::QueryString, "both", hidden("c n")),
        parameter(ParameterPlace::Body, "added", plain("\"quoted\"")),
    ];
    let request = CreateConnectionRequest {
        name: "c".to_owned(),
        authorization: Some(ConnectionAuthorization { method: Some(signing()), invocation_parameters }),
        ..CreateConnectionRequest::default()
    };
    let made = client.session().connections().create_connection(request).await?.into_inner();
    let connection = made.connection.context("no connection")?.arn;
    let arn = client.destination_over("d", &receiver.url("/ok/*/x/*?own=1"), &connection).await?;
    client.rule("", "r", r#"{"source":["test.parameters"]}"#).await?;
    let http_parameters = HttpParameters {
        header_parameters: pairs(&[("X-Both", "target"), ("X-Own", "target")]),
        query_string_parameters: pairs(&[("both", "target"), ("q", "a&b=c")]),
        path_parameter_values: vec!["a/b".to_owned(), "ü".to_owned()],
    };
    client.targets("", "r", vec![Target { http_parameters: Some(http_parameters), ..target("t", &arn) }]).await?;
    let id = client.put_one(entry("test.parameters", "t", r#"{"n":1}"#)).await?;
    client.settled("", "r", PATIENCE).await?;
    let record = receiver.records()?.pop().context("no request")?;
    assert_eq!(record.path, "/ok/a%2Fb/x/%C3%BC");
    assert_eq!(record.query, "own=1&q=a%26b%3Dc&both=c%20n");
    assert_eq!((record.headers["x-both"].as_str(), record.headers["x-own"].as_str()), ("connection", "target"));
    // What is signed is what is sent.
    assert_eq!((record.signature, record.event_id), (Signed::Valid, id));
    assert!(record.body.ends_with(r#","detail":{"n":1},"added":"\"quoted\""}"#), "{}", record.body);
    Ok(())
}
