//! A queue and a bus followed by the command: through a kill of the daemon, until a signal, or until nobody reads.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_api::v1::{CreateQueueRequest, DescribeQueueRequest, RedrivePolicy};
use bascule_tests::Outcome;
use bascule_tests::binaries::Program;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};
use bascule_tests::wait::{PATIENCE, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long the command may take to end after a signal, with a margin for a slow machine.
const END_MAX: Duration = Duration::from_secs(4);
/// More of these than a pipe holds are put where nobody reads: 64 KiB.
const LARGE_BYTES: usize = 16 * 1024;

/// `bascule queue subscribe inbox`, or another command that follows, as it runs; it goes with its test.
struct Following {
    child: Child,
    /// What it writes, while somebody reads.
    lines: Option<BufReader<ChildStdout>>,
}

impl Following {
    fn start(daemon: &Daemon, words: &[&str]) -> Outcome<Self> {
        Self::run(daemon, &[&["queue", "subscribe", "inbox"], words].concat(), Stdio::piped())
    }

    fn run(daemon: &Daemon, words: &[&str], to: Stdio) -> Outcome<Self> {
        let mut command = Command::new(Program::Command.find()?);
        command.args(["-o", "jsonl"]).args(words);
        command.env("BASCULE_CONTEXT", daemon.context_path());
        let mut child = command.stdin(Stdio::null()).stdout(to).stderr(Stdio::piped()).spawn()?;
        let lines = child.stdout.take().map(BufReader::new);
        Ok(Self { child, lines })
    }

    /// The ids of the next events.
    fn events(&mut self, count: usize) -> Outcome<Vec<String>> {
        let mut ids = Vec::new();
        let lines = self.lines.as_mut().context("nobody reads")?;
        for _ in 0..count {
            let mut line = String::new();
            ensure!(lines.read_line(&mut line)? > 0, "it ended after {ids:?}");
            let message: Value = serde_json::from_str(&line)?;
            let event: Value = serde_json::from_str(message["Body"].as_str().context("no body")?)?;
            ids.push(event["id"].as_str().context("no id")?.to_owned());
        }
        Ok(ids)
    }

    /// Its exit code, and what it told.
    fn end(mut self) -> Outcome<(Option<i32>, String)> {
        let told = std::io::read_to_string(self.child.stderr.take().context("its errors are not piped")?)?;
        Ok((self.child.wait()?.code(), told))
    }

    /// Its exit code, which it must have soon.
    async fn ends_soon(&mut self) -> Outcome<Option<i32>> {
        Ok(until("the command's end", END_MAX, async || Ok(self.child.try_wait()?)).await?.code())
    }

    fn signal(&self, signal: Signal) -> Outcome {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn inbox(options: &Options) -> Outcome<(Daemon, Client)> {
    let daemon = Daemon::start(options)?;
    let client = Client::operator(&daemon).await?;
    client.queued("inbox", r#"{"source":["test.queue"]}"#).await?;
    Ok((daemon, client))
}

async fn put(client: &Client, count: usize) -> Outcome<Vec<String>> {
    client.put((0..count).map(|_| entry("test.queue", "t", "{}")).collect()).await
}

async fn lies(client: &Client) -> Outcome<(u64, u64)> {
    let request = DescribeQueueRequest { queue_name: "inbox".to_owned(), allow_stale: false };
    let depth = client.session().queues().describe_queue(request).await?.into_inner();
    Ok((depth.visible_message_count, depth.in_flight_message_count))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_queue_outlives_its_daemon_and_ends_with_a_signal() -> Outcome {
    // The daemon must be found again where it was.
    let place: SocketAddr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let (mut daemon, client) = inbox(&Options::default().grpc(place)).await?;
    let mut following = Following::start(&daemon, &["--delete", "--verbose"])?;
    let mut expected: BTreeSet<String> = put(&client, 3).await?.into_iter().collect();
    for id in following.events(3)? {
        ensure!(expected.remove(&id), "{id} was not put, or came twice");
    }
    until("an empty queue", PATIENCE, async || Ok((lies(&client).await? == (0, 0)).then_some(()))).await?;
    daemon.kill9()?;
    daemon.start_again()?;
    let client = Client::operator(&daemon).await?;
    expected.extend(put(&client, 2).await?);
    for id in following.events(2)? {
        ensure!(expected.remove(&id), "{id} was not put, or came twice");
    }
    following.signal(Signal::TERM)?;
    let (code, told) = following.end()?;
    assert_eq!(code, Some(0), "{told}");
    for word in ["ACTIVE: ", "WAITING_FOR_MESSAGES: ", "CONNECTION_LOST: ", "5 messages written, 5 deleted"] {
        ensure!(told.contains(word), "`{word}` is not in: {told}");
    }
    assert_eq!(lies(&client).await?, (0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_looked_at_stays() -> Outcome {
    let (daemon, client) = inbox(&Options::default()).await?;
    put(&client, 5).await?;
    let mut following = Following::start(&daemon, &["--count", "2", "--visibility-timeout", "600"])?;
    following.events(2)?;
    let (code, told) = following.end()?;
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert_eq!(lies(&client).await?, (3, 2));
    // Who stops reading has had enough: the command ends well when it has more to write, and what was not written goes back.
    let mut following = Following::start(&daemon, &["--visibility-timeout", "600"])?;
    following.events(3)?;
    following.lines = None;
    put(&client, 1).await?;
    let (code, told) = following.end()?;
    assert_eq!((code, told.as_str()), (Some(0), ""));
    assert_eq!(lies(&client).await?, (1, 5));
    Ok(())
}

/// Large events, and time for whoever follows to fill a pipe with them.
async fn put_large(client: &Client, count: usize) -> Outcome {
    let detail = format!("{{\"filler\":\"{}\"}}", "x".repeat(LARGE_BYTES));
    client.put((0..count).map(|_| entry("test.queue", "t", &detail)).collect()).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_followed_queue_while_nobody_reads() -> Outcome {
    let (daemon, client) = inbox(&Options::default()).await?;
    for signal in [Signal::TERM, Signal::INT] {
        let mut following = Following::start(&daemon, &["--delete", "--visibility-timeout", "600"])?;
        put_large(&client, 10).await?;
        let hides = async || Ok((lies(&client).await?.1 > 0).then_some(()));
        until("a message that is hidden", PATIENCE, hides).await?;
        following.signal(signal)?;
        let code = following.ends_soon().await?;
        assert_eq!(code, Some(0));
        // What nobody has read was not deleted, and can be received at once.
        let (visible, hidden) = lies(&client).await?;
        ensure!(visible > 0 && hidden == 0, "{visible} visible, {hidden} hidden");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_tail_while_nobody_reads() -> Outcome {
    let (daemon, client) = inbox(&Options::default()).await?;
    let mut following = Following::run(&daemon, &["event", "tail"], Stdio::piped())?;
    let told = following.child.stderr.take().context("its errors are not piped")?;
    let mut started = String::new();
    BufReader::new(told).read_line(&mut started)?;
    ensure!(started.contains("from now on"), "{started}");
    put_large(&client, 10).await?;
    following.signal(Signal::TERM)?;
    assert_eq!(following.ends_soon().await?, Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gives_back_what_was_not_written() -> Outcome {
    let (daemon, client) = inbox(&Options::default()).await?;
    put(&client, 5).await?;
    let full = OpenOptions::new().write(true).open("/dev/full")?;
    let words = ["queue", "subscribe", "inbox", "--delete", "--visibility-timeout", "600"];
    let mut following = Following::run(&daemon, &words, full.into())?;
    let code = following.ends_soon().await?;
    let (_, told) = following.end()?;
    assert_eq!(code, Some(2), "{told}");
    ensure!(told.contains("OUTPUT_FAILED") && !told.contains("not known"), "{told}");
    assert_eq!(lies(&client).await?, (5, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_shows_each_message_once_and_leaves_it_where_it_is() -> Outcome {
    let (daemon, client) = inbox(&Options::default()).await?;
    let dead_letter_target_arn = client.queue("dead").await?;
    let policy = RedrivePolicy { dead_letter_target_arn, max_receive_count: 3 };
    let request = CreateQueueRequest {
        name: "tried".to_owned(),
        redrive_policy: Some(policy),
        request_id: "tried".to_owned(),
        ..CreateQueueRequest::default()
    };
    client.session().queues().create_queue(request).await?;
    let words = ["queue", "subscribe", "tried", "--count", "1", "--visibility-timeout", "600"];
    let following = Following::run(&daemon, &words, Stdio::piped())?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    following.signal(Signal::TERM)?;
    let (code, told) = following.end()?;
    assert_eq!(code, Some(0), "{told}");
    ensure!(told.contains("3 receives"), "{told}");
    let expected: BTreeSet<String> = put(&client, 3).await?.into_iter().collect();
    let mut following = Following::start(&daemon, &["--visibility-timeout", "1"])?;
    assert_eq!(following.events(3)?.into_iter().collect::<BTreeSet<_>>(), expected);
    let (code, told) = following.end()?;
    assert_eq!(code, Some(0), "{told}");
    ensure!(told.contains("comes again"), "{told}");
    let (visible, hidden) = lies(&client).await?;
    assert_eq!(visible + hidden, 3);
    Ok(())
}
