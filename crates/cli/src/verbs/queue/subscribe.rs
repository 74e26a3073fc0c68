//! A queue that is followed: messages are written as they come, and deleted only where that was asked for.

use std::collections::HashSet;
use std::time::Duration;

use bascule_api::client::retry::Repeat;
use bascule_api::client::subscription::{Following, Heard, Subscription};
use bascule_api::error::Error as Failure;
use bascule_api::v1::{ChangeMessageVisibilityRequest, DescribeQueueRequest, QueueMessage, SettledReceipt};
use clap::Args;

use crate::error::{Error, FailedCall, Intent};
use crate::explain::{Exit, explain};
use crate::limits::{
    SUBSCRIBE_ANSWERS_MAX_MS, SUBSCRIBE_BATCH_COUNT, SUBSCRIBE_CREDITS_COUNT, SUBSCRIBE_END_MAX_MS,
    SUBSCRIBE_LOOKED_MAX_COUNT, VISIBILITY_MAX_SECONDS,
};
use crate::link::{Link, ask};
use crate::output::{View, queue};
use crate::verbs::follow::{Reader, Stop};
use crate::verbs::queue::written::Written;
use crate::verbs::{Desk, Outcome};

/// What to follow.
#[derive(Debug, Args)]
pub struct Subscribe {
    /// Name or ARN
    name: String,
    /// Delete each message once it is written and flushed; without this nothing is deleted, and each message is shown once
    #[arg(long)]
    delete: bool,
    /// End after so many messages; no more are received [default: at Ctrl-C or SIGTERM]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How long messages are hidden, 1 to 43,200 seconds [default: the queue's own]
    #[arg(long, value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(VISIBILITY_MAX_SECONDS)))]
    visibility_timeout: Option<u32>,
    /// Tell on the standard error how the stream stands, also where that is no terminal
    #[arg(long)]
    verbose: bool,
}

/// What became of messages so far.
#[derive(Debug, Default)]
struct Tally {
    written_count: u64,
    asked_count: u64,
    deleted_count: u64,
    kept_count: u64,
}

/// Why it ends: all that ends well has none.
type Trouble = Option<Error>;

struct Run<'a> {
    subscribe: &'a Subscribe,
    page: Written<'a>,
    tally: Tally,
    /// Came and were not written.
    unwritten: Vec<QueueMessage>,
    /// Receipts of messages that were written, on their way to the stream.
    unasked: Vec<String>,
    /// Ids of what was looked at, where nothing is deleted.
    looked: HashSet<String>,
    /// Came again although they were looked at, and are not wanted.
    again: Vec<QueueMessage>,
}

/// Follows a queue.
///
/// # Errors
/// Why it could not begin. What ends it later stands in the outcome.
pub async fn subscribe(subscribe: Subscribe, desk: &mut Desk) -> Result<Outcome, Error> {
    let link = desk.dial.link().await?;
    let most = subscribe.most();
    let following = Following {
        queue_name: subscribe.name.clone(),
        credits: SUBSCRIBE_CREDITS_COUNT.min(u32::try_from(most).unwrap_or(u32::MAX)),
        visibility_timeout: subscribe.visibility_timeout,
    };
    let mut stop = Stop::heed();
    let page = Written::on(desk, subscribe.verbose);
    let mut run = Run::of(&subscribe, page);
    let opened = async {
        if !subscribe.delete {
            run.caution(&link).await;
        }
        link.session.subscribe(following).await.map_err(failed)
    };
    let mut stream = tokio::select! {
        biased;
        () = stop.asked() => return Ok(Outcome::done(View::written())),
        opened = opened => opened?,
    };
    stream.at_most(most);
    let trouble = tokio::select! {
        biased;
        () = stop.asked() => None,
        ended = run.until_enough(&mut stream) => ended.err(),
    };
    run.end(stream, &link, stop, trouble).await
}

impl Subscribe {
    /// Most messages that are written.
    fn most(&self) -> u64 {
        let most = if self.delete { u64::MAX } else { SUBSCRIBE_LOOKED_MAX_COUNT };
        self.count.map_or(most, |count| count.min(most))
    }
}

impl<'a> Run<'a> {
    fn of(subscribe: &'a Subscribe, page: Written<'a>) -> Self {
        let (tally, looked) = (Tally::default(), HashSet::new());
        Self { subscribe, page, tally, looked, unwritten: Vec::new(), unasked: Vec::new(), again: Vec::new() }
    }

    /// Says before anything is received what looking does to messages.
    async fn caution(&mut self, link: &Link) {
        self.page.tell("nothing is deleted", "what is written comes again when its visibility timeout ends").await;
        let request = DescribeQueueRequest { queue_name: self.subscribe.name.clone(), allow_stale: true };
        let policy = match ask!(link, queues.describe_queue, request).await {
            Ok(answer) => answer.queue.and_then(|queue| queue.redrive_policy),
            // The stream says what is wrong, if it is wrong for it too.
            Err(_) => {
                let text = "whether the queue has a redrive policy is not known; looking counts as receiving";
                return self.page.warn(text).await;
            }
        };
        if let Some(policy) = policy {
            let (count, arn) = (policy.max_receive_count, &policy.dead_letter_target_arn);
            let text = format!("looking counts as receiving: after {count} receives a message is moved to `{arn}`");
            self.page.warn(&text).await;
        }
    }

    /// Writes what comes, and deletes it if that is wanted, until there was enough or nobody reads any more.
    async fn until_enough(&mut self, stream: &mut Subscription) -> Result<(), Error> {
        while self.left_count() > 0 && self.again.is_empty() {
            let ended = self.take(stream).await;
            if !self.unwritten.is_empty() && self.write(stream).await? == Reader::Left {
                return Ok(());
            }
            ended?;
        }
        if let Some(message) = self.again.first() {
            let text = format!("message `{}` comes again: looking ends when a message does", message.message_id);
            self.page.warn(&text).await;
        } else if self.subscribe.count != Some(self.tally.written_count) {
            let text = format!("looking ends after {SUBSCRIBE_LOOKED_MAX_COUNT} messages; with `--delete` it goes on");
            self.page.warn(&text).await;
        }
        Ok(())
    }

    fn left_count(&self) -> u64 {
        self.subscribe.most().saturating_sub(self.tally.written_count)
    }

    /// Waits for one thing, and takes the messages that are there with it.
    async fn take(&mut self, stream: &mut Subscription) -> Result<(), Error> {
        let most = usize::try_from(self.left_count()).unwrap_or(usize::MAX).min(SUBSCRIBE_BATCH_COUNT);
        let mut next = Ok(stream.next().await);
        while let Ok(heard) = next {
            let heard = heard.map_err(failed)?;
            let is_message = matches!(heard, Heard::Message(_));
            self.hear(heard).await;
            // Whoever does not wait opens no stream either.
            if !is_message || self.unwritten.len() >= most {
                break;
            }
            next = tokio::time::timeout(Duration::ZERO, stream.next()).await;
        }
        Ok(())
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Message(message) => {
                let is_new = self.subscribe.delete || self.looked.insert(message.message_id.clone());
                if is_new { self.unwritten.push(*message) } else { self.again.push(*message) }
            }
            Heard::Settled(results) => self.settled(&results).await,
            Heard::State { state, reason } => {
                let name = state.as_str_name();
                self.page.tell(name.strip_prefix("SUBSCRIPTION_STATE_").unwrap_or(name), &reason).await;
            }
            Heard::Ended { code, reason } => {
                self.page.tell(&code, &format!("{reason}; another stream is opened")).await;
            }
        }
    }

    async fn settled(&mut self, results: &[SettledReceipt]) {
        // All is counted before anything is said, as saying may be given up.
        let (deleted, kept): (Vec<_>, Vec<_>) = results.iter().partition(|result| result.error_code.is_empty());
        self.tally.deleted_count += deleted.len() as u64;
        self.tally.kept_count += kept.len() as u64;
        for result in kept {
            let (code, why) = (&result.error_code, &result.error_message);
            self.page.warn(&format!("a message was not deleted and may come again: {code}: {why}")).await;
        }
    }

    /// Writes the messages that came; only then they may be deleted.
    async fn write(&mut self, stream: &mut Subscription) -> Result<Reader, Error> {
        let views: Vec<View> = self.unwritten.iter().map(queue::message).collect();
        if self.page.write(&views).await? == Reader::Left {
            return Ok(Reader::Left);
        }
        let written = std::mem::take(&mut self.unwritten);
        self.tally.written_count += written.len() as u64;
        if self.subscribe.delete {
            self.tally.asked_count += written.len() as u64;
            self.unasked.extend(written.into_iter().map(|message| message.receipt_handle));
            self.delete(stream).await?;
        }
        Ok(Reader::Reads)
    }

    /// Asks for the deletion of what was written. If the wait is given up, it was not asked for.
    async fn delete(&mut self, stream: &mut Subscription) -> Result<(), Error> {
        if !self.unasked.is_empty() {
            stream.ack(self.unasked.clone()).await.map_err(failed)?;
            self.unasked.clear();
        }
        Ok(())
    }

    /// Hears what became of deletions, gives back what was not written, and says how it ended. Another signal ends the wait; what was
    /// not heard of by then is not known.
    async fn end(
        mut self,
        stream: Subscription,
        link: &Link,
        mut stop: Stop,
        trouble: Trouble,
    ) -> Result<Outcome, Error> {
        self.page.hurry();
        // Only the stream makes calls here; trouble with the output is none of its.
        let stream = Some(stream).filter(|_| !matches!(trouble, Some(Error::Call(_))));
        tokio::select! {
            biased;
            () = stop.asked() => {}
            _ = tokio::time::timeout(Duration::from_millis(SUBSCRIBE_END_MAX_MS), self.close(stream, link)) => {}
        }
        let Tally { written_count, asked_count, deleted_count, kept_count } = self.tally;
        let unknown_count = asked_count.saturating_sub(deleted_count + kept_count);
        self.page.tell(&format!("{written_count} messages written, {deleted_count} deleted"), "").await;
        if unknown_count > 0 {
            let text =
                format!("whether {unknown_count} messages were deleted is not known; those that were not come again");
            self.page.warn(&text).await;
        }
        let exit = match &trouble {
            Some(error) => explain(error).exit,
            None if unknown_count > 0 => Exit::Unknown,
            None if kept_count > 0 => Exit::Negative,
            None => Exit::Done,
        };
        Ok(Outcome { exit, trouble, ..Outcome::done(View::written()) })
    }

    /// Ends a stream that still goes on in order, and gives back what came ahead.
    async fn close(&mut self, stream: Option<Subscription>, link: &Link) {
        if let Some(mut stream) = stream {
            let answers = async {
                self.delete(&mut stream).await?;
                stream.close().await.map_err(failed)
            };
            let limit = Duration::from_millis(SUBSCRIBE_ANSWERS_MAX_MS);
            if let Ok(Ok(heard)) = tokio::time::timeout(limit, answers).await {
                for heard in heard {
                    self.hear(heard).await;
                }
            }
        }
        self.give_back(link).await;
    }

    /// Whatever fails here comes again by itself, later.
    async fn give_back(&mut self, link: &Link) {
        let unwritten = std::mem::take(&mut self.unwritten);
        for message in unwritten.into_iter().chain(std::mem::take(&mut self.again)) {
            let request = ChangeMessageVisibilityRequest {
                queue_name: self.subscribe.name.clone(),
                receipt_handle: message.receipt_handle,
                ..ChangeMessageVisibilityRequest::default()
            };
            let _ = ask!(link, queues.change_message_visibility, request).await;
        }
    }
}

fn failed(source: Failure) -> Error {
    Error::Call(Box::new(FailedCall {
        operation: "Subscribe".to_owned(),
        // What was asked for without an answer is counted by itself.
        intent: Intent::Read,
        repeat: Repeat::Freely,
        request_id: None,
        broken: None,
        source,
    }))
}
