//! The organisation: its tree of units and accounts, and the control policies of their nodes.

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    Account, AccountState, AttachControlPolicyRequest, CloseAccountRequest, ControlPolicyType, CreateAccountRequest,
    CreateControlPolicyRequest, CreateOrganizationalUnitRequest, DeleteControlPolicyRequest,
    DeleteOrganizationalUnitRequest, DescribeAccountRequest, DescribeControlPolicyRequest, DescribeOrganizationRequest,
    DetachControlPolicyRequest, ListAccountsRequest, ListControlPoliciesRequest, ListOrganizationalUnitsRequest,
    MoveAccountRequest, Organization, OrganizationalUnit, ReopenAccountRequest, UpdateControlPolicyRequest,
    UpdateOrganizationalUnitRequest,
};
use bascule_api::status::Refusal;
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason};
use bascule_tests::daemon::{Daemon, Options};
use tonic::{Response, Status};

const SCP: &str = "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess";
const RCP: &str = "arn:aws:organizations::aws:policy/resource_control_policy/p-RCPFullAWSAccess";
const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:*","Resource":"*"}]}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"events:*","Resource":"*"}]}"#;
const NEW: &str = "444455556666";

fn text(text: &str) -> String {
    text.to_owned()
}

/// Reason and field of what was refused.
fn refused<T>(answer: Result<Response<T>, Status>) -> (String, String) {
    let Err(status) = answer else { return (text("taken"), String::new()) };
    let field = Refusal::from_status(&status).ok().and_then(|refusal| refusal.fields.into_iter().next());
    (reason(&status), field.map(|field| field.subject).unwrap_or_default())
}

fn is(code: &str, field: &str) -> (String, String) {
    (text(code), text(field))
}

async fn organization(client: &Client) -> Outcome<Organization> {
    let answer = client.session().organizations().describe_organization(DescribeOrganizationRequest::default()).await?;
    answer.into_inner().organization.context("an answer without the organization")
}

fn new_unit(parent: &str, name: &str) -> CreateOrganizationalUnitRequest {
    CreateOrganizationalUnitRequest { parent_id: text(parent), name: text(name), ..Default::default() }
}

async fn unit(client: &Client, parent: &str, name: &str) -> Outcome<OrganizationalUnit> {
    let answer = client.session().organizations().create_organizational_unit(new_unit(parent, name)).await?;
    answer.into_inner().organizational_unit.context("an answer without the unit")
}

fn new_account(id: &str, parent: &str) -> CreateAccountRequest {
    CreateAccountRequest {
        account_id: text(id),
        account_name: text("shop"),
        parent_id: text(parent),
        ..CreateAccountRequest::default()
    }
}

async fn account(client: &Client, id: &str) -> Result<Account, String> {
    let request = DescribeAccountRequest { account_id: text(id), ..DescribeAccountRequest::default() };
    let answer = client.session().organizations().describe_account(request).await.map_err(|status| reason(&status))?;
    answer.into_inner().account.ok_or_else(|| text("an answer without the account"))
}

fn new_policy(kind: ControlPolicyType, name: &str, content: &str) -> CreateControlPolicyRequest {
    CreateControlPolicyRequest { r#type: kind.into(), name: text(name), content: text(content), ..Default::default() }
}

fn attach(arn: &str, target: &str) -> AttachControlPolicyRequest {
    AttachControlPolicyRequest { policy_arn: text(arn), target_id: text(target), ..Default::default() }
}

fn detach(arn: &str, target: &str) -> DetachControlPolicyRequest {
    DetachControlPolicyRequest { policy_arn: text(arn), target_id: text(target), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn units_and_accounts_make_a_tree() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let all = organization(&client).await?;
    assert_eq!((all.account_count, all.organizational_unit_count), (1, 0));
    assert_eq!(all.path, format!("{}/{}/", all.id, all.root_id));
    assert_eq!(all.attached_policy_arns, [RCP, SCP]);
    let prod = unit(&client, &all.root_id, "prod").await?;
    let shop = unit(&client, &prod.id, "shop").await?;
    assert_eq!(shop.path, format!("{}{}/{}/", all.path, prod.id, shop.id));
    assert_eq!(shop.arn, format!("arn:aws:organizations::000000000000:ou/{}", shop.id));
    let organizations = client.session().organizations();
    let rename = UpdateOrganizationalUnitRequest {
        organizational_unit_id: prod.id.clone(),
        name: text("live"),
        ..UpdateOrganizationalUnitRequest::default()
    };
    let renamed = organizations.clone().update_organizational_unit(rename).await?.into_inner();
    assert_eq!(renamed.organizational_unit.map(|unit| unit.name), Some(text("live")));

    let made = organizations.clone().create_account(new_account(NEW, "")).await?.into_inner();
    let made = made.account.context("an answer without the account")?;
    assert_eq!((made.path.as_str(), made.state()), (all.path.as_str(), AccountState::Active));
    let to = MoveAccountRequest { account_id: text(NEW), parent_id: shop.id.clone(), ..MoveAccountRequest::default() };
    let moved = organizations.clone().move_account(to).await?.into_inner();
    assert_eq!(moved.account.map(|account| account.path), Some(shop.path.clone()));
    let close = CloseAccountRequest { account_id: text(NEW), ..CloseAccountRequest::default() };
    organizations.clone().close_account(close).await?;
    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    let organizations = client.session().organizations();
    assert_eq!(account(&client, NEW).await.map(|account| account.state()), Ok(AccountState::Closed));
    let open = ReopenAccountRequest { account_id: text(NEW), ..ReopenAccountRequest::default() };
    let opened = organizations.clone().reopen_account(open).await?.into_inner();
    assert_eq!(opened.account.map(|account| account.state()), Some(AccountState::Active));

    let gone = |id: &str| DeleteOrganizationalUnitRequest {
        organizational_unit_id: text(id),
        ..DeleteOrganizationalUnitRequest::default()
    };
    assert_eq!(refused(organizations.clone().delete_organizational_unit(gone(&shop.id)).await).0, "INVALID_STATE");
    let back =
        MoveAccountRequest { account_id: text(NEW), parent_id: all.root_id.clone(), ..MoveAccountRequest::default() };
    organizations.clone().move_account(back).await?;
    organizations.clone().delete_organizational_unit(gone(&shop.id)).await?;
    assert_eq!(refused(organizations.clone().delete_organizational_unit(gone(&shop.id)).await).0, "RESOURCE_NOT_FOUND");
    let now = organization(&client).await?;
    assert_eq!((now.account_count, now.organizational_unit_count), (2, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn control_policies_are_attached_and_the_last_stays() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let all = organization(&client).await?;
    let organizations = client.session().organizations();
    organizations.clone().create_account(new_account(NEW, "")).await?;
    let request = new_policy(ControlPolicyType::ServiceControlPolicy, "Only", ALLOW);
    let only = organizations.clone().create_control_policy(request).await?.into_inner();
    let only = only.policy.context("an answer without the policy")?;
    let arn = only.arn.clone();
    assert_eq!(arn, format!("arn:aws:organizations::000000000000:policy/{}/service_control_policy/Only", all.id));
    for _ in 0..2 {
        organizations.clone().attach_control_policy(attach(&arn, NEW)).await?;
    }
    organizations.clone().detach_control_policy(detach(SCP, NEW)).await?;
    assert_eq!(
        account(&client, NEW).await.map(|account| account.attached_policy_arns),
        Ok(vec![arn.clone(), text(RCP)])
    );
    for (policy, code) in [(arn.as_str(), "INVALID_STATE"), (RCP, "INVALID_STATE"), (SCP, "RESOURCE_NOT_FOUND")] {
        let found = refused(organizations.clone().detach_control_policy(detach(policy, NEW)).await);
        assert_eq!(found.0, code, "{policy}");
    }
    let described = async |arn: &str| {
        let request = DescribeControlPolicyRequest { policy_arn: text(arn), ..Default::default() };
        let answer = client.session().organizations().describe_control_policy(request).await?;
        answer.into_inner().policy.context("an answer without the policy")
    };
    // More updates than a policy has versions.
    for nth in 0..7 {
        let content = ALLOW.replace("events:*", &format!("events:Put{nth}*"));
        let update = |validate_only| UpdateControlPolicyRequest {
            policy_arn: arn.clone(),
            content: content.clone(),
            validate_only,
            ..UpdateControlPolicyRequest::default()
        };
        let before = described(&arn).await?.content;
        organizations.clone().update_control_policy(update(true)).await?;
        assert_eq!(described(&arn).await?.content, before);
        let changed = organizations.clone().update_control_policy(update(false)).await?.into_inner();
        assert_eq!(changed.policy.map(|policy| policy.content), Some(content));
    }
    assert_eq!(described(&arn).await?.attachment_count, 1);
    ensure!(described(SCP).await?.shipped, "the shipped policy is none");
    let gone = DeleteControlPolicyRequest { policy_arn: arn.clone(), ..DeleteControlPolicyRequest::default() };
    assert_eq!(refused(organizations.clone().delete_control_policy(gone.clone()).await).0, "INVALID_STATE");
    organizations.clone().attach_control_policy(attach(SCP, NEW)).await?;
    organizations.clone().detach_control_policy(detach(&arn, NEW)).await?;
    organizations.clone().delete_control_policy(gone.clone()).await?;
    assert_eq!(refused(organizations.clone().delete_control_policy(gone).await).0, "RESOURCE_NOT_FOUND");
    let shipped = DeleteControlPolicyRequest { policy_arn: text(SCP), ..DeleteControlPolicyRequest::default() };
    assert_eq!(
        refused(organizations.clone().delete_control_policy(shipped).await),
        is("VALIDATION_FAILED", "PolicyArn")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_cannot_be_is_refused_by_its_field() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let root = organization(&client).await?.root_id;
    let organizations = client.session().organizations();
    let invalid = |field: &str| is("VALIDATION_FAILED", field);
    let first = unit(&client, &root, "prod").await?;
    let absent = format!("{}-zzzzzzzz", &first.id[..7]);
    for (request, outcome) in [
        (new_unit("", "a"), invalid("ParentId")),
        (new_unit("r-zzzz0", "a"), invalid("ParentId")),
        (new_unit("000000000000", "a"), invalid("ParentId")),
        (new_unit(&absent, "a"), is("RESOURCE_NOT_FOUND", "")),
        (new_unit(&root, ""), invalid("Name")),
        (new_unit(&root, &"a".repeat(129)), invalid("Name")),
        (new_unit(&root, "prod"), is("RESOURCE_ALREADY_EXISTS", "")),
    ] {
        let found = refused(organizations.clone().create_organizational_unit(request.clone()).await);
        assert_eq!(found, outcome, "{request:?}");
    }
    let named = |name: &str| CreateAccountRequest { account_name: text(name), ..new_account(NEW, "") };
    for (request, outcome) in [
        (new_account("4444", ""), invalid("AccountId")),
        (new_account("000000000000", ""), is("RESOURCE_ALREADY_EXISTS", "")),
        (new_account(NEW, "444455556667"), invalid("ParentId")),
        (new_account(NEW, &absent), is("RESOURCE_NOT_FOUND", "")),
        (named(""), invalid("Name")),
        (named(&"a".repeat(51)), invalid("Name")),
    ] {
        let found = refused(organizations.clone().create_account(request.clone()).await);
        assert_eq!(found, outcome, "{request:?}");
    }
    assert_eq!(account(&client, NEW).await, Err(text("RESOURCE_NOT_FOUND")));
    let close = CloseAccountRequest { account_id: text("000000000000"), ..CloseAccountRequest::default() };
    assert_eq!(refused(organizations.clone().close_account(close).await).0, "INVALID_STATE");
    // Five below each other, and no sixth.
    let mut parent = first.id;
    for nth in 2..=5 {
        parent = unit(&client, &parent, &nth.to_string()).await?.id;
    }
    let sixth = organizations.clone().create_organizational_unit(new_unit(&parent, "6")).await;
    assert_eq!(refused(sixth).0, "LIMIT_EXCEEDED");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn control_policies_that_cannot_be_are_refused_by_their_field() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let root = organization(&client).await?.root_id;
    let organizations = client.session().organizations();
    let (scp, rcp) = (ControlPolicyType::ServiceControlPolicy, ControlPolicyType::ResourceControlPolicy);
    let invalid = |field: &str| is("VALIDATION_FAILED", field);
    let long = ALLOW.replace("\"Version\"", &format!("{}\"Version\"", " ".repeat(5_100)));
    for (request, outcome) in [
        (new_policy(ControlPolicyType::Unspecified, "a", ALLOW), invalid("Type")),
        (new_policy(scp, "a b", ALLOW), invalid("PolicyName")),
        (new_policy(scp, "a", ""), invalid("Content")),
        (new_policy(scp, "a", DENY), is("POLICY_INVALID", "Content")),
        (new_policy(rcp, "a", ALLOW), is("POLICY_INVALID", "Content")),
        (new_policy(scp, "a", &long), is("POLICY_TOO_LONG", "Content")),
    ] {
        let found = refused(organizations.clone().create_control_policy(request.clone()).await);
        assert_eq!(found, outcome, "{request:?}");
    }
    organizations.clone().create_control_policy(new_policy(rcp, "a", DENY)).await?;
    assert_eq!(
        refused(organizations.clone().create_control_policy(new_policy(rcp, "A", DENY)).await).0,
        "RESOURCE_ALREADY_EXISTS"
    );
    let missing = SCP.replace("p-Full", "p-Half");
    for (request, outcome) in [
        (attach(&missing, &root), is("RESOURCE_NOT_FOUND", "")),
        (attach("arn:aws:iam::aws:policy/BasculePublisher", &root), invalid("PolicyArn")),
        (attach(SCP, "here"), invalid("TargetId")),
        (attach(SCP, NEW), is("RESOURCE_NOT_FOUND", "")),
    ] {
        let found = refused(organizations.clone().attach_control_policy(request.clone()).await);
        assert_eq!(found, outcome, "{request:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_pages_and_repeats_happen_once() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let root = organization(&client).await?.root_id;
    let organizations = client.session().organizations();
    let request = CreateOrganizationalUnitRequest { request_id: text("first"), ..new_unit(&root, "prod") };
    let tried = CreateOrganizationalUnitRequest { validate_only: true, ..new_unit(&root, "tried") };
    assert_eq!(organizations.clone().create_organizational_unit(tried).await?.into_inner().organizational_unit, None);
    let made = organizations.clone().create_organizational_unit(request.clone()).await?.into_inner();
    let again = organizations.clone().create_organizational_unit(request).await?.into_inner();
    assert_eq!(made, again);
    let prod = made.organizational_unit.context("an answer without the unit")?.id;
    let account = CreateAccountRequest { request_id: text("first"), ..new_account(NEW, &prod) };
    let tried = CreateAccountRequest { validate_only: true, ..new_account("777788889999", "") };
    organizations.clone().create_account(tried).await?;
    let made = organizations.clone().create_account(account.clone()).await?.into_inner();
    assert_eq!(made, organizations.clone().create_account(account).await?.into_inner());
    for name in ["a", "b"] {
        unit(&client, &prod, name).await?;
    }
    let mut ids = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListOrganizationalUnitsRequest { page_size: 1, page_token, ..Default::default() };
        let page = organizations.clone().list_organizational_units(request).await?.into_inner();
        ids.extend(page.organizational_units.into_iter().map(|unit| unit.id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    ensure!(ids.len() == 3 && ids.is_sorted(), "{ids:?}");
    let below = ListOrganizationalUnitsRequest { parent_id: prod.clone(), ..Default::default() };
    let below = organizations.clone().list_organizational_units(below).await?.into_inner().organizational_units;
    assert_eq!(below.len(), 2);
    let accounts =
        organizations.clone().list_accounts(ListAccountsRequest { page_size: 1, ..Default::default() }).await?;
    let accounts = accounts.into_inner();
    assert_eq!(accounts.accounts.iter().map(|account| account.id.as_str()).collect::<Vec<_>>(), ["000000000000"]);
    let rest = ListAccountsRequest { page_token: accounts.next_page_token, ..ListAccountsRequest::default() };
    let rest = organizations.clone().list_accounts(rest).await?.into_inner().accounts;
    assert_eq!(rest.iter().map(|account| account.id.as_str()).collect::<Vec<_>>(), [NEW]);
    let nowhere = ListAccountsRequest { parent_id: format!("{}-zzzzzzzz", &prod[..7]), ..Default::default() };
    assert_eq!(refused(organizations.clone().list_accounts(nowhere).await).0, "RESOURCE_NOT_FOUND");
    let (scp, rcp) = (ControlPolicyType::ServiceControlPolicy, ControlPolicyType::ResourceControlPolicy);
    organizations.clone().create_control_policy(new_policy(scp, "Only", ALLOW)).await?;
    for (kind, names) in [(scp, &["p-FullAWSAccess", "Only"][..]), (rcp, &["p-RCPFullAWSAccess"][..])] {
        let request = ListControlPoliciesRequest { r#type: kind.into(), ..ListControlPoliciesRequest::default() };
        let policies = organizations.clone().list_control_policies(request).await?.into_inner().policies;
        assert_eq!(policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>(), names);
    }
    let untyped = ListControlPoliciesRequest::default();
    assert_eq!(refused(organizations.clone().list_control_policies(untyped).await), is("VALIDATION_FAILED", "Type"));
    Ok(())
}
