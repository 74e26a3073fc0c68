//! Tags of buses and rules, and the quotas of the cluster.

use std::collections::BTreeMap;

use anyhow::ensure;
use bascule_api::admin::v1::{DescribeQuotasRequest, UpdateQuotasRequest};
use bascule_api::v1::{
    CreateEventBusRequest, ListTagsForResourceRequest, PutRuleRequest, TagResourceRequest, UntagResourceRequest,
};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, reason, target};
use bascule_tests::daemon::{Daemon, Options};

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/orders";
const RULE: &str = "arn:aws:events:us-east-1:000000000000:rule/orders/paid";

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn listed(client: &Client, arn: &str) -> Result<BTreeMap<String, String>, String> {
    let request = ListTagsForResourceRequest { resource_arn: arn.to_owned(), ..ListTagsForResourceRequest::default() };
    let answer = client.session().tags().list_tags_for_resource(request).await;
    answer.map(|answer| answer.into_inner().tags).map_err(|status| reason(&status))
}

fn rule(pattern: &str, own: &[(&str, &str)]) -> PutRuleRequest {
    PutRuleRequest {
        name: "paid".to_owned(),
        event_bus_name: "orders".to_owned(),
        event_pattern: pattern.to_owned(),
        tags: tags(own),
        ..PutRuleRequest::default()
    }
}

fn set(arn: &str, own: &[(&str, &str)]) -> TagResourceRequest {
    TagResourceRequest { resource_arn: arn.to_owned(), tags: tags(own), ..TagResourceRequest::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_come_stay_and_go() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let request = CreateEventBusRequest {
        name: "orders".to_owned(),
        tags: tags(&[("team", "shop"), ("tier", "1")]),
        ..CreateEventBusRequest::default()
    };
    client.session().event_buses().create_event_bus(request).await?;
    client.session().rules().put_rule(rule(r#"{"a":["b"]}"#, &[("owner", "ann")])).await?;
    // Another put of the rule leaves its tags as they are.
    client.session().rules().put_rule(rule(r#"{"a":["c"]}"#, &[("owner", "bob")])).await?;
    client.session().tags().tag_resource(set(BUS, &[("tier", "2"), ("new", "")])).await?;
    let untag = UntagResourceRequest {
        resource_arn: BUS.to_owned(),
        tag_keys: vec!["team".to_owned(), "absent".to_owned()],
        ..UntagResourceRequest::default()
    };
    client.session().tags().untag_resource(untag).await?;
    let only_tried = TagResourceRequest { validate_only: true, ..set(RULE, &[("tried", "out")]) };
    client.session().tags().tag_resource(only_tried).await?;
    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    assert_eq!(listed(&client, BUS).await, Ok(tags(&[("tier", "2"), ("new", "")])));
    assert_eq!(listed(&client, RULE).await, Ok(tags(&[("owner", "ann")])));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_that_cannot_be_are_refused() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    client.bus("orders").await?;
    let many: Vec<(String, String)> = (0..51).map(|nth| (nth.to_string(), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let queue = "arn:aws:sqs:us-east-1:000000000000:q";
    for (request, code, told) in [
        (set(BUS, &[]), "VALIDATION_FAILED", "1 to 50"),
        (set(BUS, &many), "VALIDATION_FAILED", "at most 50"),
        (set(BUS, &[("aws:x", "")]), "VALIDATION_FAILED", "aws:"),
        (set(BUS, &[("", "v")]), "VALIDATION_FAILED", "Tags.Key"),
        (set(queue, &[("a", "b")]), "VALIDATION_FAILED", "buses and rules"),
        (set("orders", &[("a", "b")]), "VALIDATION_FAILED", "ResourceArn"),
        (set(RULE, &[("a", "b")]), "RESOURCE_NOT_FOUND", "paid"),
        (set(&BUS.replace("us-east-1", "eu-west-1"), &[("a", "b")]), "RESOURCE_NOT_FOUND", "eu-west-1"),
    ] {
        let Err(status) = client.session().tags().tag_resource(request).await else { anyhow::bail!("{told}: taken") };
        ensure!(reason(&status) == code && status.message().contains(told), "{told}: {}", status.message());
    }
    // One more than a resource may have is refused, and nothing of the call is kept.
    client.session().tags().tag_resource(set(BUS, &many[..50])).await?;
    let Err(status) = client.session().tags().tag_resource(set(BUS, &[("new", "")])).await else {
        anyhow::bail!("a tag too many was taken")
    };
    assert_eq!(reason(&status), "LIMIT_EXCEEDED");
    assert_eq!(listed(&client, BUS).await.map(|tags| tags.len()), Ok(50));
    assert_eq!(listed(&client, RULE).await, Err("RESOURCE_NOT_FOUND".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_are_said_set_and_kept() -> Outcome {
    let mut daemon = Daemon::start(&Options::default())?;
    let client = Client::operator(&daemon).await?;
    let described = async |client: &Client| {
        let answer = client.session().quotas().describe_quotas(DescribeQuotasRequest::default()).await?;
        anyhow::Ok(answer.into_inner())
    };
    let first = described(&client).await?;
    assert_eq!(first.quotas, first.defaults);
    assert_eq!(first.quotas.map(|quotas| (quotas.rules_per_event_bus, quotas.targets_per_rule)), Some((300, 5)));
    let arn = client.queue("q").await?;
    client.rule("", "r", r#"{"source":["a"]}"#).await?;
    let six: Vec<_> = (0..6).map(|nth| target(&format!("t{nth}"), &arn)).collect();
    ensure!(client.targets("", "r", six.clone()).await.is_err(), "six targets were taken");
    let update = UpdateQuotasRequest { targets_per_rule: Some(6), rules_per_event_bus: Some(1), ..Default::default() };
    let tried = UpdateQuotasRequest { validate_only: true, ..update.clone() };
    client.session().quotas().update_quotas(tried).await?;
    assert_eq!(described(&client).await?, first, "a quota was changed that was only tried out");
    client.session().quotas().update_quotas(update).await?;
    daemon.restart()?;
    let client = Client::operator(&daemon).await?;
    client.targets("", "r", six).await?;
    let refused = client.rule("", "second", r#"{"source":["a"]}"#).await;
    ensure!(refused.is_err(), "a rule over the quota was taken");
    for (bad, told) in [
        (UpdateQuotasRequest { targets_per_rule: Some(0), ..Default::default() }, "TargetsPerRule"),
        (UpdateQuotasRequest { targets_per_rule: Some(101), ..Default::default() }, "1 to 100"),
        (UpdateQuotasRequest { event_pattern_characters: Some(5_000), ..Default::default() }, "1 to 4096"),
    ] {
        let Err(status) = client.session().quotas().update_quotas(bad).await else { anyhow::bail!("{told}: taken") };
        ensure!(status.message().contains(told), "{told}: {}", status.message());
    }
    Ok(())
}
