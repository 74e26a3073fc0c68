//! Principals of a daemon: users with certificates and just the policies that a test gives them, and accounts of their own.

use anyhow::Context as _;
use bascule_api::client::Context;
use bascule_api::iam::v1::{
    AssumeRoleRequest, CreateAccountRequest, CreateRoleRequest, CreateUserRequest, PutRolePolicyRequest,
    PutUserPolicyRequest,
};

use crate::Outcome;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::outsiders::Outsiders;

/// The daemon's own account.
pub const ACCOUNT: &str = "000000000000";
/// Name of the one inline policy.
const POLICY: &str = "test";

/// Everybody.
#[derive(Debug)]
pub struct People {
    outsiders: Outsiders,
    operator: Client,
}

/// A document with one statement that allows one action on one resource.
#[must_use]
pub fn allow(action: &str, resource: &str) -> String {
    document(&[("Allow", action, resource)])
}

/// A document of statements `Sid0`, `Sid1` …: effect, action, resource.
#[must_use]
pub fn document(statements: &[(&str, &str, &str)]) -> String {
    let each = statements.iter().enumerate().map(|(at, (effect, action, resource))| {
        format!(r#"{{"Sid":"Sid{at}","Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}"#)
    });
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, each.collect::<Vec<_>>().join(","))
}

/// A trust policy for this principal, as JSON: `{"AWS":"…"}` or `{"Service":"…"}`.
#[must_use]
pub fn trust(principal: &str) -> String {
    let actions = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Trust","Effect":"Allow","Principal":{principal},"Action":{actions}}}]}}"#
    )
}

impl People {
    /// Of this daemon.
    ///
    /// # Errors
    /// Its certificates cannot be read, or it refuses.
    pub async fn of(daemon: &Daemon) -> Outcome<Self> {
        Ok(Self { outsiders: Outsiders::of(daemon)?, operator: Client::operator(daemon).await? })
    }

    /// Who may do everything.
    #[must_use]
    pub const fn operator(&self) -> &Client {
        &self.operator
    }

    /// Certificates.
    #[must_use]
    pub const fn outsiders(&self) -> &Outsiders {
        &self.outsiders
    }

    /// A new user of the daemon's own account, of this name, with this policy (none if empty); and where it calls from.
    ///
    /// # Errors
    /// The refusal.
    pub async fn user(&self, name: &str, policy: &str) -> Outcome<Client> {
        let context = self.user_by(&self.operator, name, policy).await?;
        Client::connect(&context).await
    }

    /// A new user of the account in which `by` acts.
    ///
    /// # Errors
    /// The refusal.
    pub async fn user_by(&self, by: &Client, name: &str, policy: &str) -> Outcome<Context> {
        let (context, identity) = self.outsiders.named(name)?;
        let request = CreateUserRequest {
            user_name: name.to_owned(),
            identities: vec![identity],
            ..CreateUserRequest::default()
        };
        by.session().users().create_user(request).await?;
        if !policy.is_empty() {
            by.allow(name, policy).await?;
        }
        Ok(context)
    }

    /// A new account, and its administrator: a session of its first role.
    ///
    /// # Errors
    /// The refusal.
    pub async fn account(&self, number: &str, parent: &str) -> Outcome<Client> {
        let request = CreateAccountRequest {
            account_id: number.to_owned(),
            account_name: format!("account {number}"),
            parent_id: parent.to_owned(),
            ..CreateAccountRequest::default()
        };
        self.operator.session().organizations().create_account(request).await?;
        let role = format!("arn:aws:iam::{number}:role/OrganizationAccountAccessRole");
        self.operator.assume(&role, "administrator").await
    }
}

impl Client {
    /// Replaces the policy of a user of this caller's account.
    ///
    /// # Errors
    /// The refusal.
    pub async fn allow(&self, user: &str, policy: &str) -> Outcome {
        let request = PutUserPolicyRequest {
            user_name: user.to_owned(),
            policy_name: POLICY.to_owned(),
            policy_document: policy.to_owned(),
            ..PutUserPolicyRequest::default()
        };
        self.session().users().put_user_policy(request).await?;
        Ok(())
    }

    /// A new role of this caller's account; gives its ARN.
    ///
    /// # Errors
    /// The refusal.
    pub async fn role(&self, name: &str, trust: &str, policy: &str) -> Outcome<String> {
        let request = CreateRoleRequest {
            role_name: name.to_owned(),
            assume_role_policy_document: trust.to_owned(),
            ..CreateRoleRequest::default()
        };
        let answer = self.session().roles().create_role(request).await?.into_inner();
        if !policy.is_empty() {
            let request = PutRolePolicyRequest {
                role_name: name.to_owned(),
                policy_name: POLICY.to_owned(),
                policy_document: policy.to_owned(),
                ..PutRolePolicyRequest::default()
            };
            self.session().roles().put_role_policy(request).await?;
        }
        Ok(answer.role.context("an answer without the role")?.arn)
    }

    /// The same connection, as a session of this role.
    ///
    /// # Errors
    /// The refusal.
    pub async fn assume(&self, role: &str, session: &str) -> Outcome<Self> {
        let request = AssumeRoleRequest {
            role_arn: role.to_owned(),
            role_session_name: session.to_owned(),
            ..AssumeRoleRequest::default()
        };
        let answer = self.session().sessions().assume_role(request).await?.into_inner();
        self.with_token(&answer.session_token)
    }

    /// The same connection, with this token.
    ///
    /// # Errors
    /// It can be none.
    pub fn with_token(&self, token: &str) -> Outcome<Self> {
        Ok(Self::over(self.session().clone().with_session_token(token)?))
    }
}
