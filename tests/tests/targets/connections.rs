//! Connections: each kind of credential where a receiver expects it, and nowhere else.

use anyhow::{Context as _, ensure};
use bascule_api::v1::connection_authorization::Method;
use bascule_api::v1::{
    ApiKeyAuthorization, BasicAuthorization, ConnectionAuthorization, DeauthorizeConnectionRequest, HttpMethod,
    OAuthClientCredentials, SigningSecrets, Target, UpdateConnectionRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, retries, secret, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::receiver::{Receiver, Record, SECRET, Signed};
use bascule_tests::wait::{PATIENCE, until};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const OLD_SECRET: &str = "whsec_b2xkIHNlY3JldCBvZiB0aGUgdGVzdHMsIGxvbmc=";
const API_KEY: &str = "api-key-5f1c7d2e";
const PASSWORD: &str = "päss:word";
const CLIENT_SECRET: &str = "client secret & more";

async fn hook(client: &Client, receiver: &Receiver, method: Method, path: &str) -> Outcome {
    let arn = client.destination("hook", &receiver.url(path), method).await?;
    client.rule("", "hook", r#"{"source":["test.connection"]}"#).await?;
    client.targets("", "hook", vec![target("hook", &arn)]).await?;
    Ok(())
}

async fn put_and_see(client: &Client, receiver: &Receiver, path: &str) -> Outcome<Record> {
    let id = client.put_one(entry("test.connection", "t", "{}")).await?;
    until("the request", PATIENCE, async || {
        let records = receiver.at(path)?;
        Ok(records.into_iter().find(|record| record.event_id == id && record.is_taken()))
    })
    .await
}

fn api_key() -> Method {
    Method::ApiKey(ApiKeyAuthorization { api_key_name: "X-Api-Key".to_owned(), api_key_value: secret(API_KEY) })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_a_header() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    hook(&client, &receiver, api_key(), "/ok").await?;
    let record = put_and_see(&client, &receiver, "/ok").await?;
    assert_eq!(record.headers.get("x-api-key").map(String::as_str), Some(API_KEY));
    assert_eq!((record.headers.get("authorization"), record.signature), (None, Signed::Absent));
    ensure!(!record.webhook_id.is_empty() && !record.webhook_timestamp.is_empty(), "no id: {record:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_authentication_is_the_rfcs() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let basic = BasicAuthorization { username: "user".to_owned(), password: secret(PASSWORD) };
    hook(&client, &receiver, Method::Basic(basic), "/ok").await?;
    let record = put_and_see(&client, &receiver, "/ok").await?;
    let expected = format!("Basic {}", STANDARD.encode(format!("user:{PASSWORD}")));
    assert_eq!(record.headers.get("authorization"), Some(&expected));
    Ok(())
}

fn oauth(receiver: &Receiver) -> Method {
    Method::Oauth(OAuthClientCredentials {
        authorization_endpoint: receiver.url("/token"),
        http_method: HttpMethod::Post.into(),
        client_id: "client".to_owned(),
        client_secret: secret(CLIENT_SECRET),
        parameters: Vec::new(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth_tokens_are_asked_for_kept_and_asked_for_again_when_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    hook(&client, &receiver, oauth(&receiver), "/ok").await?;
    let first = put_and_see(&client, &receiver, "/ok").await?;
    let token = first.headers.get("authorization").context("no token")?.clone();
    ensure!(token.starts_with("Bearer token-"), "{token}");
    let second = put_and_see(&client, &receiver, "/ok").await?;
    assert_eq!(second.headers.get("authorization"), Some(&token), "the token was not kept");
    let asked = receiver.at("/token")?;
    assert_eq!(asked.len(), 1);
    // RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    let credentials = asked[0].headers["authorization"].strip_prefix("Basic ").context("not basic")?;
    let credentials = String::from_utf8(STANDARD.decode(credentials)?)?;
    ensure!(
        ["client:client+secret+%26+more", "client:client%20secret%20%26%20more"].contains(&credentials.as_str()),
        "{credentials}"
    );
    assert_eq!(asked[0].body, "grant_type=client_credentials");
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    // A receiver that knows the token no more gets another.
    receiver.behave("/ok", "/status/401")?;
    let id = client.put_one(entry("test.connection", "t", "{}")).await?;
    until("the refusal", PATIENCE, async || Ok((receiver.at("/ok")?.len() >= 3).then_some(()))).await?;
    receiver.behave("/ok", "/ok")?;
    client.settled("", "hook", PATIENCE).await?;
    let last = receiver.at("/ok")?.pop().context("no request")?;
    ensure!(last.event_id == id && last.headers["authorization"] != token, "the refused token was used again");
    ensure!(receiver.at("/token")?.len() >= 2, "no token was asked for");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_signing_secrets_sign_twice() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let folder = tempfile::tempdir()?;
    let old = Receiver::within(&folder.path().join("old"), &daemon.pki(), &[OLD_SECRET])?;
    let new = Receiver::within(&folder.path().join("new"), &daemon.pki(), &[SECRET])?;
    let client = Client::operator(&daemon).await?;
    let secrets = [SECRET, OLD_SECRET].into_iter().filter_map(secret).collect();
    let connection = client.connection("both", Method::Signing(SigningSecrets { secrets })).await?;
    client.rule("", "hook", r#"{"source":["test.connection"]}"#).await?;
    let mut targets = Vec::new();
    for (name, receiver) in [("old", &old), ("new", &new)] {
        let arn = client.destination_over(name, &receiver.url("/ok"), &connection).await?;
        targets.push(target(name, &arn));
    }
    client.targets("", "hook", targets).await?;
    client.put_one(entry("test.connection", "t", "{}")).await?;
    client.settled("", "hook", PATIENCE).await?;
    for receiver in [&old, &new] {
        let record = receiver.at("/ok")?.pop().context("no request")?;
        assert_eq!(record.signature, Signed::Valid);
        assert_eq!(record.headers["webhook-signature"].split(' ').count(), 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_credentials_sends_nothing_and_new_ones_are_used_at_once() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    hook(&client, &receiver, api_key(), "/ok").await?;
    put_and_see(&client, &receiver, "/ok").await?;
    let request = DeauthorizeConnectionRequest { name: "hook".to_owned(), ..DeauthorizeConnectionRequest::default() };
    client.session().connections().deauthorize_connection(request).await?;
    let id = client.put_one(entry("test.connection", "t", "{}")).await?;
    let other = ApiKeyAuthorization { api_key_name: "X-Other".to_owned(), api_key_value: secret("another") };
    let authorization =
        ConnectionAuthorization { method: Some(Method::ApiKey(other)), invocation_parameters: Vec::new() };
    let request = UpdateConnectionRequest {
        name: "hook".to_owned(),
        authorization: Some(authorization),
        ..UpdateConnectionRequest::default()
    };
    client.session().connections().update_connection(request).await?;
    client.settled("", "hook", PATIENCE).await?;
    let records = receiver.at("/ok")?;
    let after = records.iter().skip(1);
    for record in after.clone() {
        assert_eq!(record.headers.get("x-api-key"), None, "old credentials were sent");
        assert_eq!(record.headers.get("x-other").map(String::as_str), Some("another"));
    }
    ensure!(after.clone().any(|record| record.event_id == id), "the event that waited did not come");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_by_descriptions_dead_letters_or_logs() -> Outcome {
    let daemon = Daemon::start(&Options::default().set("log.level=trace"))?;
    let receiver = Receiver::start(&daemon)?;
    let client = Client::operator(&daemon).await?;
    let basic = BasicAuthorization { username: "user".to_owned(), password: secret(PASSWORD) };
    let mut told = String::new();
    for (name, method) in [("key", api_key()), ("basic", Method::Basic(basic)), ("oauth", oauth(&receiver))] {
        let arn = client.destination(name, &receiver.url("/status/400"), method).await?;
        client.rule("", name, r#"{"source":["test.connection"]}"#).await?;
        client.targets("", name, vec![Target { retry_policy: retries(0, 60), ..target(name, &arn) }]).await?;
        let request = bascule_api::v1::DescribeConnectionRequest { name: name.to_owned(), allow_stale: false };
        told += &format!("{:?}", client.session().connections().describe_connection(request).await?);
    }
    client.put_one(entry("test.connection", "t", "{}")).await?;
    let letters = until("three dead letters", PATIENCE, async || {
        let letters = client.dead_letters("").await?;
        Ok((letters.len() >= 3).then_some(letters))
    })
    .await?;
    for letter in letters {
        told += &format!("{letter:?} {} {}", letter.event, letter.error_message);
    }
    let records = receiver.records()?;
    told += &std::fs::read_to_string(daemon.log_path())?;
    let token = records.iter().find_map(|record| record.headers.get("authorization")?.strip_prefix("Bearer "));
    let encoded = STANDARD.encode(format!("user:{PASSWORD}"));
    for secret in [API_KEY, PASSWORD, CLIENT_SECRET, SECRET, &encoded, token.context("no token was used")?] {
        ensure!(!told.contains(secret), "`{secret}` is told");
    }
    Ok(())
}
