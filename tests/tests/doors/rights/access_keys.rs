//! Access keys of a user who has one already, since the cluster draws their ids.

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    AccessKeyStatus, CreateAccessKeyRequest, CreateAccessKeyResponse, CreateUserRequest, DeleteAccessKeyRequest,
    ListAccessKeysRequest, UpdateAccessKeyRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::Client;
use prost::Message as _;

use super::{Row, row, text};

const USER: &str = "iam:user/signer";

fn name() -> String {
    text("signer")
}

/// A user `signer` with an access key; gives its id.
pub async fn set_up(operator: &Client) -> Outcome<String> {
    let request = CreateUserRequest { user_name: name(), ..CreateUserRequest::default() };
    operator.session().users().create_user(request).await?;
    let request = CreateAccessKeyRequest { user_name: name(), ..CreateAccessKeyRequest::default() };
    let made = operator.session().access_keys().create_access_key(request).await?.into_inner();
    Ok(made.access_key.context("an answer without the key")?.access_key_id)
}

/// The user gets another key, and this one is taken out of force and deleted.
pub fn rows(key: &str) -> Vec<Row> {
    vec![
        row(
            "bascule.iam.v1.AccessKeys/CreateAccessKey",
            &CreateAccessKeyRequest { user_name: name(), ..CreateAccessKeyRequest::default() },
            &[("iam:CreateAccessKey", USER)],
        )
        .good(|answer| {
            let made = CreateAccessKeyResponse::decode(answer.clone())?;
            ensure!(made.secret_access_key.is_some_and(|secret| secret.value.len() == 40), "no secret is answered");
            Ok(())
        }),
        row(
            "bascule.iam.v1.AccessKeys/ListAccessKeys",
            &ListAccessKeysRequest { user_name: name(), ..ListAccessKeysRequest::default() },
            &[("iam:ListAccessKeys", USER)],
        ),
        row(
            "bascule.iam.v1.AccessKeys/UpdateAccessKey",
            &UpdateAccessKeyRequest {
                user_name: name(),
                access_key_id: text(key),
                status: AccessKeyStatus::Inactive.into(),
                ..UpdateAccessKeyRequest::default()
            },
            &[("iam:UpdateAccessKey", USER)],
        ),
        row(
            "bascule.iam.v1.AccessKeys/DeleteAccessKey",
            &DeleteAccessKeyRequest {
                user_name: name(),
                access_key_id: text(key),
                ..DeleteAccessKeyRequest::default()
            },
            &[("iam:DeleteAccessKey", USER)],
        ),
    ]
}
