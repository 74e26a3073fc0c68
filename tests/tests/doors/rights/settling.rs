//! What a client does on an open stream takes the right of the call that does the same, however the stream was opened.

use anyhow::{Context as _, bail, ensure};
use bascule_api::status::Refusal;
use bascule_api::v1::subscribe_request::Action;
use bascule_api::v1::subscribe_response::Event;
use bascule_api::v1::{
    SettledReceipt, SubscribeAck, SubscribeExtend, SubscribeNack, SubscribeRequest, SubscribeResponse, SubscribeStart,
};
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::people::{People, document};
use bascule_tests::{Outcome, wait};
use tonic::codegen::tokio_stream::{self, StreamExt as _};
use tonic::{Status, Streaming};

use super::full;

const RECEIVE: &str = "sqs:ReceiveMessage";
const DELETE: &str = "sqs:DeleteMessage";
const CHANGE: &str = "sqs:ChangeMessageVisibility";
/// Longer than the test, in seconds.
const HIDDEN_S: u32 = 600;

/// Opens a stream, does this on it, and keeps it open.
async fn doing(client: &Client, action: Action) -> Result<Streaming<SubscribeResponse>, Status> {
    let start = SubscribeStart { queue_name: "inbox".to_owned(), credits: 1, ..SubscribeStart::default() };
    let said = [Action::Start(start), action].map(|action| SubscribeRequest { action: Some(action) });
    let requests = tokio_stream::iter(said).chain(tokio_stream::pending());
    Ok(client.session().queues().subscribe(requests).await?.into_inner())
}

/// What became of the receipt: how it was settled, or by what the stream ended.
async fn outcome(client: &Client, action: Action) -> Outcome<Result<SettledReceipt, Status>> {
    let mut answers = match doing(client, action).await {
        Ok(answers) => answers,
        Err(status) => return Ok(Err(status)),
    };
    loop {
        match tokio::time::timeout(wait::PATIENCE, answers.message()).await.context("nothing came")? {
            Ok(Some(SubscribeResponse { event: Some(Event::Settled(mut settled)) })) => {
                return Ok(Ok(settled.results.pop().context("nothing was settled")?));
            }
            Ok(Some(_)) => {}
            Ok(None) => bail!("the stream ended"),
            Err(status) => return Ok(Err(status)),
        }
    }
}

async fn receipts(operator: &Client) -> Outcome<[String; 2]> {
    operator.queued("inbox", r#"{"source":["test"]}"#).await?;
    operator.put(vec![entry("test", "t", "{}"), entry("test", "t", "{}")]).await?;
    let mut receipts = Vec::new();
    wait::until("two messages", wait::PATIENCE, async || {
        let messages = operator.receive("inbox", Some(HIDDEN_S)).await?;
        receipts.extend(messages.into_iter().map(|message| message.receipt_handle));
        Ok((receipts.len() == 2).then_some(()))
    })
    .await?;
    <[String; 2]>::try_from(receipts).ok().context("other than two messages")
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_on_a_stream_take_a_right_of_their_own() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    let people = People::of(&daemon).await?;
    let operator = people.operator();
    let [one, other] = receipts(operator).await?;
    let client = people.user("probe", "").await?;
    let handles = |receipt: &str| vec![receipt.to_owned()];
    let ack = || Action::Ack(SubscribeAck { receipt_handles: handles(&one) });
    let nack = || Action::Nack(SubscribeNack { receipt_handles: handles(&other), delay_seconds: HIDDEN_S });
    let extend = || Action::Extend(SubscribeExtend { receipt_handles: handles(&other), visibility_timeout: HIDDEN_S });
    let queue = full("sqs:inbox");
    let beside = full("sqs:inboxx");
    for (action, needs, of_the_others) in
        [(ack(), DELETE, CHANGE), (extend(), CHANGE, DELETE), (nack(), CHANGE, DELETE)]
    {
        let start = ("Allow", RECEIVE, queue.as_str());
        for policy in [
            document(&[start]),
            document(&[start, ("Allow", of_the_others, &queue), ("Allow", needs, &beside)]),
            document(&[start, ("Allow", needs, &queue), ("Deny", needs, &queue)]),
        ] {
            operator.allow("probe", &policy).await?;
            let Err(status) = outcome(&client, action.clone()).await? else { bail!("{action:?} with {policy}") };
            let refusal = Refusal::from_status(&status)?;
            let named = (refusal.metadata.get("action"), refusal.metadata.get("resource"));
            ensure!(named == (Some(&needs.to_owned()), Some(&queue)), "{action:?} with {policy}: {status:?}");
            ensure!(refusal.message.contains(needs) && refusal.message.contains(&queue), "{status:?}");
        }
        operator.allow("probe", &document(&[start, ("Allow", needs, &queue)])).await?;
        let settled = outcome(&client, action.clone()).await?;
        let receipt = settled.with_context(|| format!("{action:?}"))?;
        ensure!(receipt.error_code.is_empty(), "{receipt:?}");
    }
    Ok(())
}
