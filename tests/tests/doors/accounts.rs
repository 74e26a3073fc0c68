//! One account admits another: by a bus's policy, by organisation, by a place in it; and no longer once that is gone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bascule_api::iam::v1::{
    CloseAccountRequest, CreateOrganizationalUnitRequest, DescribeOrganizationRequest, MoveAccountRequest,
    ReopenAccountRequest,
};
use bascule_api::v1::{
    DescribeEventBusRequest, PutEventsRequestEntry, PutPermissionRequest, PutTargetsRequest, RemovePermissionRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry, reason, target};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{People, allow};
use bascule_tests::wait;

const A: &str = "000000000000";
const B: &str = "111111111111";
const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/shared";
/// From a change that takes a right away until nobody has it.
const CUT_LIMIT: Duration = Duration::from_secs(1);

/// Account A with a bus that has a queue behind it; account B with a user who may put there, as far as B is asked.
struct World {
    people: People,
    b: Client,
    publisher: Client,
}

impl World {
    async fn of(daemon: &Daemon) -> Outcome<Self> {
        let people = People::of(daemon).await?;
        let operator = people.operator();
        operator.bus("shared").await?;
        let queue = operator.queue("inbox").await?;
        operator.rule("shared", "all", r#"{"source":["shop"]}"#).await?;
        operator.targets("shared", "all", vec![target("inbox", &queue)]).await?;
        let b = people.account(B, "").await?;
        let context = people.user_by(&b, "publisher", &allow("events:PutEvents", BUS)).await?;
        let publisher = Client::connect(&context).await?;
        Ok(Self { people, b, publisher })
    }

    async fn policy(&self, condition: &str, principal: &str) -> Outcome {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Shared","Effect":"Allow","Principal":{principal},
                "Action":"events:PutEvents","Resource":"{BUS}"{condition}}}]}}"#
        );
        let request =
            PutPermissionRequest { event_bus_name: "shared".to_owned(), policy, ..PutPermissionRequest::default() };
        self.people.operator().session().event_buses().put_permission(request).await?;
        Ok(())
    }

    async fn no_policy(&self) -> Outcome {
        let request = RemovePermissionRequest {
            event_bus_name: "shared".to_owned(),
            remove_all_permissions: true,
            ..RemovePermissionRequest::default()
        };
        self.people.operator().session().event_buses().remove_permission(request).await?;
        Ok(())
    }

    /// Code and message of a put from B; empty if it was taken.
    async fn put(&self) -> Outcome<(String, String)> {
        let entry = PutEventsRequestEntry { event_bus_name: BUS.to_owned(), ..entry("shop", "sold", "{}") };
        let answer = self.publisher.try_put(vec![entry]).await?.entries.remove(0);
        Ok((answer.error_code, answer.error_message))
    }

    async fn is_in(&self, how: &str) -> Outcome {
        let (code, message) = self.put().await?;
        ensure!(code.is_empty(), "{how}: {message}");
        Ok(())
    }

    /// Cut off within the limit from now on, and told nothing of A's.
    async fn is_cut(&self, how: &str) -> Outcome {
        let began = Instant::now();
        loop {
            let (code, message) = self.put().await?;
            if code == "ACCESS_DENIED" {
                ensure!(message.ends_with("no resource policy allows it"), "{how}: {message}");
                return Ok(());
            }
            ensure!(began.elapsed() < CUT_LIMIT, "{how}: still in after {:?}: {code} {message}", began.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_admits_another_and_no_longer() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let world = World::of(&daemon).await?;
    let operator = world.people.operator();
    world.is_cut("without a word").await?;
    // By account.
    world.policy("", &format!(r#"{{"AWS":"{B}"}}"#)).await?;
    world.is_in("by account").await?;
    world.no_policy().await?;
    world.is_cut("by account").await?;
    // By organisation.
    let mut organizations = operator.session().organizations();
    let organization = organizations.describe_organization(DescribeOrganizationRequest::default());
    let organization = organization.await?.into_inner().organization.context("an answer without one")?;
    let by = |id: &str| format!(r#","Condition":{{"StringEquals":{{"aws:PrincipalOrgID":"{id}"}}}}"#);
    world.policy(&by(&organization.id), r#""*""#).await?;
    world.is_in("by organisation").await?;
    world.policy(&by("o-zzzzzzzzzz"), r#""*""#).await?;
    world.is_cut("by another organisation").await?;
    // By a place in it.
    let unit = CreateOrganizationalUnitRequest {
        parent_id: organization.root_id.clone(),
        name: "shops".to_owned(),
        ..CreateOrganizationalUnitRequest::default()
    };
    let unit = operator.session().organizations().create_organizational_unit(unit).await?.into_inner();
    let unit = unit.organizational_unit.context("an answer without the unit")?.id;
    let path = format!("{}/{}/{unit}/*", organization.id, organization.root_id);
    let condition = format!(r#","Condition":{{"ForAnyValue:StringLike":{{"aws:PrincipalOrgPaths":"{path}"}}}}"#);
    world.policy(&condition, r#""*""#).await?;
    world.is_cut("from another place").await?;
    let relocate = |parent: &str| MoveAccountRequest {
        account_id: B.to_owned(),
        parent_id: parent.to_owned(),
        ..MoveAccountRequest::default()
    };
    operator.session().organizations().move_account(relocate(&unit)).await?;
    world.is_in("by its place").await?;
    operator.session().organizations().move_account(relocate(&organization.root_id)).await?;
    world.is_cut("from another place again").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_have_to_agree() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let world = World::of(&daemon).await?;
    world.policy("", &format!(r#"{{"AWS":"{B}"}}"#)).await?;
    world.is_in("both").await?;
    world.b.allow("publisher", &allow("events:PutEvents", &format!("{BUS}x"))).await?;
    let (code, message) = world.put().await?;
    ensure!(code == "ACCESS_DENIED" && message.ends_with("no identity policy allows it"), "{message}");
    // An account that is closed has no principals.
    world.b.allow("publisher", &allow("events:PutEvents", BUS)).await?;
    world.is_in("both again").await?;
    let organizations = || world.people.operator().session().organizations();
    let close = CloseAccountRequest { account_id: B.to_owned(), ..CloseAccountRequest::default() };
    organizations().close_account(close).await?;
    let (code, message) = world.put().await?;
    ensure!(code == "ACCESS_DENIED" && message.contains("is closed"), "{message}");
    let reopen = ReopenAccountRequest { account_id: B.to_owned(), ..ReopenAccountRequest::default() };
    organizations().reopen_account(reopen).await?;
    world.is_in("reopened").await
}

#[tokio::test(flavor = "multi_thread")]
async fn row_32_what_is_anothers_looks_as_what_is_not_there() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let world = World::of(&daemon).await?;
    world.b.allow("publisher", &allow("*", "*")).await?;
    world.policy("", r#"{"AWS":"222222222222"}"#).await?;
    let arn = |account: &str, bus: &str| format!("arn:aws:events:us-east-1:{account}:event-bus/{bus}");
    let mut told = Vec::new();
    // A bus that is there, one that is not, and one of an account that is not.
    for bus in [arn(A, "shared"), arn(A, "absent"), arn("333333333333", "shared")] {
        let name = bus.clone();
        let describe = DescribeEventBusRequest { name, ..DescribeEventBusRequest::default() };
        let Err(status) = world.publisher.session().event_buses().describe_event_bus(describe).await else {
            anyhow::bail!("{bus} was described")
        };
        let put = PutEventsRequestEntry { event_bus_name: bus.clone(), ..entry("shop", "sold", "{}") };
        let put = world.publisher.try_put(vec![put]).await?.entries.remove(0);
        let message = status.message().replace(&bus, "BUS");
        told.push((reason(&status), message, put.error_code, put.error_message.replace(&bus, "BUS")));
    }
    ensure!(told[0] == told[1] && told[1] == told[2], "{told:#?}");
    ensure!(told[0].0 == "ACCESS_DENIED" && told[0].2 == "ACCESS_DENIED", "{told:#?}");
    // Nor does a statement that denies tell of itself.
    let deny = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"OfNobodysBusiness","Effect":"Deny","Principal":"*",
            "Action":"events:PutEvents","Resource":"{BUS}"}}]}}"#
    );
    let request =
        PutPermissionRequest { event_bus_name: "shared".to_owned(), policy: deny, ..PutPermissionRequest::default() };
    world.people.operator().session().event_buses().put_permission(request).await?;
    let (code, message) = world.put().await?;
    ensure!(code == "ACCESS_DENIED" && message.ends_with("no resource policy allows it"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_rule_is_no_way_into_another_account() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let world = World::of(&daemon).await?;
    // B's administrator may do everything in B, and puts A's queue and bus behind a rule of its own.
    world.b.rule("", "deputy", r#"{"source":["shop"]}"#).await?;
    let targets = PutTargetsRequest {
        rule: "deputy".to_owned(),
        targets: vec![
            target("queue", "arn:aws:sqs:us-east-1:000000000000:inbox"),
            bascule_api::v1::Target {
                role_arn: world
                    .b
                    .role(
                        "deputy",
                        &bascule_tests::people::trust(r#"{"Service":"events.amazonaws.com"}"#),
                        &allow("*", "*"),
                    )
                    .await?,
                ..target("bus", BUS)
            },
        ],
        ..PutTargetsRequest::default()
    };
    world.b.session().targets().put_targets(targets).await?;
    let put = || async {
        let own = entry("shop", "sold", "{}");
        let answer = world.b.try_put(vec![own]).await?;
        ensure!(answer.failed_entry_count == 0, "{answer:?}");
        anyhow::Ok(())
    };
    put().await?;
    let inbox = async || Ok(world.people.operator().receive("inbox", Some(0)).await?.is_empty());
    wait::stays("A's queue is empty", Duration::from_secs(2), inbox).await?;
    // A trusts B's rule, by name and account: then it comes, through both.
    let trusted = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Deputy","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{B}:role/deputy"}},
            "Action":"events:PutEvents","Resource":"{BUS}"}}]}}"#
    );
    let request = PutPermissionRequest {
        event_bus_name: "shared".to_owned(),
        policy: trusted,
        ..PutPermissionRequest::default()
    };
    world.people.operator().session().event_buses().put_permission(request).await?;
    put().await?;
    let came = async || Ok(world.people.operator().receive("inbox", None).await?.into_iter().next());
    wait::until("the event over the bus", wait::PATIENCE, came).await?;
    Ok(())
}
