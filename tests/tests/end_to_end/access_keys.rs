//! Access keys of principals: made, listed, taken out of force and deleted, with secrets that show once.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    AccessKey, AccessKeyStatus, AttachUserPolicyRequest, CreateAccessKeyRequest, CreateAccessKeyResponse,
    CreateUserRequest, DeleteAccessKeyRequest, DeleteUserRequest, ListAccessKeysRequest, UpdateAccessKeyRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{ACCOUNT, People, allow, trust};

fn text(text: &str) -> String {
    text.to_owned()
}

async fn create(client: &Client, user: &str, request_id: &str) -> Result<CreateAccessKeyResponse, String> {
    let (user_name, request_id) = (text(user), text(request_id));
    let request = CreateAccessKeyRequest { user_name, request_id, validate_only: false };
    let answer = client.session().access_keys().create_access_key(request).await;
    answer.map(tonic::Response::into_inner).map_err(|status| reason(&status))
}

async fn list(client: &Client, user: &str) -> Result<Vec<AccessKey>, String> {
    let request = ListAccessKeysRequest { user_name: text(user), ..ListAccessKeysRequest::default() };
    let answer = client.session().access_keys().list_access_keys(request).await;
    answer.map(|answer| answer.into_inner().access_keys).map_err(|status| reason(&status))
}

async fn turn(client: &Client, user: &str, id: &str, status: AccessKeyStatus) -> Result<Option<AccessKey>, String> {
    let request = UpdateAccessKeyRequest {
        user_name: text(user),
        access_key_id: text(id),
        status: status.into(),
        ..UpdateAccessKeyRequest::default()
    };
    let answer = client.session().access_keys().update_access_key(request).await;
    answer.map(|answer| answer.into_inner().access_key).map_err(|status| reason(&status))
}

async fn delete(client: &Client, user: &str, id: &str) -> Result<(), String> {
    let (user_name, access_key_id) = (text(user), text(id));
    let request = DeleteAccessKeyRequest { user_name, access_key_id, ..DeleteAccessKeyRequest::default() };
    client.session().access_keys().delete_access_key(request).await.map(drop).map_err(|status| reason(&status))
}

async fn new_user(client: &Client, name: &str) -> Outcome {
    let request = CreateUserRequest { user_name: text(name), ..CreateUserRequest::default() };
    client.session().users().create_user(request).await?;
    Ok(())
}

async fn delete_user(client: &Client, name: &str) -> Result<(), String> {
    let request = DeleteUserRequest { user_name: text(name), ..DeleteUserRequest::default() };
    client.session().users().delete_user(request).await.map(drop).map_err(|status| reason(&status))
}

/// Id and secret of an answer.
fn opened(answer: Result<CreateAccessKeyResponse, String>) -> Outcome<(String, String)> {
    let answer = answer.map_err(anyhow::Error::msg)?;
    let shown = format!("{answer:?}");
    let id = answer.access_key.context("no key")?.access_key_id;
    let secret = answer.secret_access_key.context("no secret")?.value;
    ensure!(!shown.contains(&secret), "its debug text shows it");
    Ok((id, secret))
}

/// Whether some file below has these bytes.
fn holds(folder: &Path, bytes: &[u8]) -> Outcome<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let found = match path.is_dir() {
            true => holds(&path, bytes)?,
            // A socket, or a file that went meanwhile, holds nothing.
            false => fs::read(&path).unwrap_or_default().windows(bytes.len()).any(|window| window == bytes),
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn principals_have_two_access_keys_that_show_their_secrets_once() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    new_user(&client, "ci").await?;
    let (first, secret) = opened(create(&client, "ci", "").await)?;
    let (second, other) = opened(create(&client, "ci", "").await)?;
    for (id, secret) in [(&first, &secret), (&second, &other)] {
        ensure!(id.starts_with("AKIA") && id.len() == 20 && secret.len() == 40, "{id}");
    }
    ensure!(first != second && secret != other, "drawn twice");
    assert_eq!(create(&client, "ci", "").await, Err(text("LIMIT_EXCEEDED")));
    assert_eq!(create(&client, "nobody", "").await, Err(text("RESOURCE_NOT_FOUND")));
    assert_eq!(turn(&client, "ci", &first, AccessKeyStatus::Unspecified).await, Err(text("VALIDATION_FAILED")));
    assert_eq!(turn(&client, "ci", "short", AccessKeyStatus::Active).await, Err(text("VALIDATION_FAILED")));
    new_user(&client, "other").await?;
    assert_eq!(turn(&client, "other", &first, AccessKeyStatus::Inactive).await, Err(text("RESOURCE_NOT_FOUND")));
    assert_eq!(delete(&client, "other", &first).await, Err(text("RESOURCE_NOT_FOUND")));
    let turned = turn(&client, "ci", &first, AccessKeyStatus::Inactive).await.map_err(anyhow::Error::msg)?;
    assert_eq!(turned.map(|key| key.status()), Some(AccessKeyStatus::Inactive));
    assert_eq!(delete_user(&client, "ci").await, Err(text("INVALID_STATE")));

    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    let listed = list(&client, "ci").await.map_err(anyhow::Error::msg)?;
    let shown: Vec<_> = listed.iter().map(|key| (key.access_key_id.clone(), key.status())).collect();
    let mut expected = vec![(first.clone(), AccessKeyStatus::Inactive), (second.clone(), AccessKeyStatus::Active)];
    expected.sort();
    assert_eq!(shown, expected);
    for secret in [&secret, &other] {
        ensure!(!holds(daemon.home(), secret.as_bytes())?, "a secret lies somewhere in the clear");
    }
    for id in [&first, &second] {
        assert_eq!(delete(&client, "ci", id).await, Ok(()));
        assert_eq!(delete(&client, "ci", id).await, Err(text("RESOURCE_NOT_FOUND")));
    }
    assert_eq!(list(&client, "ci").await, Ok(Vec::new()));
    assert_eq!(delete_user(&client, "ci").await, Ok(()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn principals_get_no_second_access_key_for_a_request_that_is_repeated() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    new_user(operator, "ci").await?;
    let all = format!("arn:aws:iam::{ACCOUNT}:user/*");
    let peer = people.user("peer", &allow("iam:*", &all)).await?;
    let request = CreateAccessKeyRequest { user_name: text("ci"), request_id: text("r"), validate_only: true };
    let tried = operator.session().access_keys().create_access_key(request).await?.into_inner();
    ensure!(tried.access_key.is_none() && tried.secret_access_key.is_none(), "{tried:?}");
    assert_eq!(list(operator, "ci").await, Ok(Vec::new()), "a rehearsal leaves nothing");

    let first = opened(create(operator, "ci", "r").await)?;
    assert_eq!(opened(create(operator, "ci", "r").await)?, first, "the same key, with its secret");
    assert_eq!(list(operator, "ci").await.map(|keys| keys.len()), Ok(1));
    // Whoever else comes with the id learns nothing.
    assert_eq!(create(&peer, "ci", "r").await, Err(text("REQUEST_ID_REUSED")));
    assert_eq!(create(operator, "peer", "r").await, Err(text("REQUEST_ID_REUSED")));
    assert_eq!(delete(operator, "ci", &first.0).await, Ok(()));
    assert_eq!(create(operator, "ci", "r").await, Err(text("RESOURCE_NOT_FOUND")));
    assert_eq!(list(operator, "ci").await, Ok(Vec::new()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn principals_have_access_keys_of_their_own_by_no_name() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let own = |name: &str| allow("iam:*AccessKey*", &format!("arn:aws:iam::{ACCOUNT}:user/{name}"));
    let ci = people.user("ci", &own("ci")).await?;
    let (id, _) = opened(create(&ci, "", "").await)?;
    assert_eq!(
        list(&ci, "").await.map(|keys| keys.into_iter().map(|key| key.user_name).collect()),
        Ok(vec![text("ci")])
    );
    assert_eq!(list(operator, "ci").await.map(|keys| keys.len()), Ok(1));
    assert_eq!(turn(&ci, "", &id, AccessKeyStatus::Inactive).await.map(|key| key.is_some()), Ok(true));
    assert_eq!(list(operator, "").await, Ok(Vec::new()), "the operator is a user too");
    new_user(operator, "other").await?;
    assert_eq!(create(&ci, "other", "").await, Err(text("ACCESS_DENIED")));

    // A session is no user.
    let role = operator.role("all", &trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#)), &allow("*", "*")).await?;
    let session = operator.assume(&role, "night").await?;
    assert_eq!(create(&session, "", "").await, Err(text("VALIDATION_FAILED")));
    assert_eq!(list(&session, "ci").await.map(|keys| keys.len()), Ok(1));

    // Who looks at everything sees keys and makes none.
    let auditor = people.user("auditor", "").await?;
    let attach = AttachUserPolicyRequest {
        user_name: text("auditor"),
        policy_arn: text("arn:aws:iam::aws:policy/BasculeAuditor"),
        ..AttachUserPolicyRequest::default()
    };
    operator.session().users().attach_user_policy(attach).await?;
    assert_eq!(list(&auditor, "ci").await.map(|keys| keys.len()), Ok(1));
    assert_eq!(create(&auditor, "ci", "").await, Err(text("ACCESS_DENIED")));
    assert_eq!(turn(&auditor, "ci", &id, AccessKeyStatus::Active).await, Err(text("ACCESS_DENIED")));
    assert_eq!(delete(&auditor, "ci", &id).await, Err(text("ACCESS_DENIED")));
    assert_eq!(delete(&ci, "", &id).await, Ok(()));
    Ok(())
}
