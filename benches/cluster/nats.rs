//! The peer: three NATS servers with a JetStream stream of three replicas that is synced at every write, TLS everywhere.
//!
//! What can be in its favour is: publishers are connected to the stream's leader, everything goes to one subject that nobody
//! matches, nothing is encrypted on disk, and its consumer confirms a whole batch of messages by one word.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions, HeaderMap, Request};
use bascule_tests::{Outcome, wait};
use bytes::Bytes;
use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::task::JoinHandle;

use crate::ours::{CONNECTIONS, EVENT_BYTES};

/// Servers, and replicas of the stream.
const SERVERS: usize = 3;
/// What the stream keeps at most; what is older goes.
const STREAM_BYTES: i64 = 1 << 30;
/// How long the servers may take to form a cluster.
const FORM_LIMIT: Duration = Duration::from_secs(60);
/// How long one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// Messages that the consumer takes, and confirms, at once.
const TAKEN: usize = 500;
/// The subject of everything.
const SUBJECT: &str = "bench.event";
const STREAM: &str = "bench";

/// The servers, their stream and everybody who is connected.
pub struct Nats {
    servers: Vec<Server>,
    folder: PathBuf,
    program: PathBuf,
    publishers: Vec<Client>,
    streams: Vec<jetstream::Context>,
    next: AtomicU64,
    received: Arc<AtomicU64>,
    consumer: Option<JoinHandle<Outcome>>,
    payload: Bytes,
}

struct Server {
    config: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        if let Some(consumer) = self.consumer.take() {
            consumer.abort();
        }
    }
}

impl Nats {
    /// Forms the cluster in `folder`.
    ///
    /// # Errors
    /// A server does not start, or the stream has no leader in time.
    pub async fn form(folder: &Path, program: &Path) -> Outcome<Self> {
        fs::create_dir_all(folder)?;
        certify(folder)?;
        let held = (0..2 * SERVERS).map(|_| Ok(TcpListener::bind("127.0.0.1:0")?)).collect::<Outcome<Vec<_>>>()?;
        let places = held.iter().map(|socket| Ok(socket.local_addr()?)).collect::<Outcome<Vec<_>>>()?;
        drop(held);
        let (clients, routes) = places.split_at(SERVERS);
        let mut nats = Self {
            servers: Vec::new(),
            folder: folder.to_owned(),
            program: program.to_owned(),
            publishers: Vec::new(),
            streams: Vec::new(),
            next: AtomicU64::new(0),
            received: Arc::default(),
            consumer: None,
            payload: Bytes::from(vec![b'x'; EVENT_BYTES]),
        };
        for (nth, address) in clients.iter().enumerate() {
            let config = folder.join(format!("server-{nth}.conf"));
            fs::write(&config, configuration(folder, nth, *address, routes))?;
            let log = folder.join(format!("server-{nth}.log"));
            nats.servers.push(Server { config, log, address: *address, child: None });
            nats.start(nth)?;
        }
        let leader = nats.create().await?;
        for _ in 0..CONNECTIONS {
            let client = nats.connect(&[leader]).await?;
            nats.streams.push(jetstream::new(client.clone()));
            nats.publishers.push(client);
        }
        nats.consume().await?;
        Ok(nats)
    }

    /// Starts a server that does not run.
    ///
    /// # Errors
    /// The system's.
    pub fn start(&mut self, nth: usize) -> Outcome {
        let server = self.servers.get_mut(nth).context("there is no such server")?;
        let log = File::options().create(true).append(true).open(&server.log)?;
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(&server.config).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        server.child = Some(command.spawn().with_context(|| format!("`{}`", self.program.display()))?);
        Ok(())
    }

    /// Kills a server.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn kill(&mut self, nth: usize) -> Outcome {
        let server = self.servers.get_mut(nth).context("there is no such server")?;
        let mut child = server.child.take().context("the server does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// The process of a server that runs.
    ///
    /// # Errors
    /// It does not.
    pub fn pid(&self, nth: usize) -> Outcome<u32> {
        Ok(self.servers.get(nth).and_then(|server| server.child.as_ref()).context("the server does not run")?.id())
    }

    /// All processes.
    ///
    /// # Errors
    /// One does not run.
    pub fn pids(&self) -> Outcome<Vec<u32>> {
        (0..self.servers.len()).map(|nth| self.pid(nth)).collect()
    }

    /// A client that may go to any of these servers, again and again.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn connect(&self, servers: &[usize]) -> Outcome<Client> {
        let urls: Vec<String> = servers.iter().map(|nth| format!("tls://{}", self.servers[*nth].address)).collect();
        let file = |name: &str| self.folder.join(name);
        let options = ConnectOptions::new()
            .require_tls(true)
            .ignore_discovered_servers()
            .add_root_certificates(file("authority.pem"))
            .add_client_certificate(file("node.pem"), file("node.key"))
            .connection_timeout(Duration::from_secs(2))
            .request_timeout(Some(CALL_LIMIT));
        Ok(options.connect(urls).await?)
    }

    /// The server that leads the stream, as soon as there is one that all replicas follow.
    ///
    /// # Errors
    /// There is none in time.
    pub async fn leader(&self) -> Outcome<usize> {
        wait::until("the stream has a leader", FORM_LIMIT, async || {
            for nth in (0..self.servers.len()).filter(|nth| self.servers[*nth].child.is_some()) {
                if let Ok(Ok(Some(leader))) = tokio::time::timeout(Duration::from_secs(3), self.look(nth)).await {
                    return Ok(Some(leader));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn look(&self, asked: usize) -> Outcome<Option<usize>> {
        let stream = jetstream::new(self.connect(&[asked]).await?).get_stream(STREAM).await?;
        let info = stream.get_info().await?;
        let Some(cluster) = info.cluster else { return Ok(None) };
        let current = cluster.replicas.iter().filter(|replica| replica.current && !replica.offline).count();
        let leader = cluster.leader.as_deref().and_then(|name| name.strip_prefix("server-")?.parse().ok());
        Ok(leader.filter(|_| current + 1 == SERVERS))
    }

    async fn create(&self) -> Outcome<usize> {
        let config = stream::Config {
            name: STREAM.to_owned(),
            subjects: vec!["bench.>".to_owned()],
            max_bytes: STREAM_BYTES,
            num_replicas: SERVERS,
            storage: stream::StorageType::File,
            allow_atomic_publish: true,
            ..stream::Config::default()
        };
        let mut last = String::new();
        let made = wait::until("the stream is made", FORM_LIMIT, async || {
            let made = async {
                let client = self.connect(&[0]).await?;
                jetstream::new(client).get_or_create_stream(config.clone()).await?;
                Outcome::Ok(())
            };
            match made.await {
                Ok(()) => Ok(Some(())),
                Err(error) => {
                    last = format!("{error:#}");
                    Ok(None)
                }
            }
        });
        made.await.with_context(|| format!("the last answer: {last}"))?;
        self.leader().await
    }

    async fn consume(&mut self) -> Outcome {
        let client = self.connect(&[0, 1, 2]).await?;
        let stream = jetstream::new(client).get_stream(STREAM).await?;
        let config = pull::Config {
            durable_name: Some("discard".to_owned()),
            ack_policy: AckPolicy::All,
            max_ack_pending: 100_000,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let received = Arc::clone(&self.received);
        self.consumer = Some(tokio::spawn(async move {
            loop {
                let batch = consumer.batch().max_messages(TAKEN).expires(Duration::from_millis(250)).messages();
                let Ok(mut batch) = batch.await else { continue };
                let mut last = None;
                while let Some(Ok(message)) = batch.next().await {
                    received.fetch_add(1, Ordering::Relaxed);
                    last = Some(message);
                }
                if let Some(last) = last {
                    // One that is not confirmed comes again, which costs the peer and is no error of ours.
                    let _ = last.ack().await;
                }
            }
        }));
        Ok(())
    }

    /// Messages that the consumer took since the beginning.
    pub fn delivered(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Publishes one message and waits until it is stored.
    ///
    /// # Errors
    /// A refusal.
    pub async fn publish(&self, caller: usize) -> Outcome<u64> {
        let stream = &self.streams[caller % self.streams.len()];
        stream.publish(SUBJECT, self.payload.clone()).await?.await?;
        Ok(1)
    }

    /// Publishes so many messages of which all are stored or none (ADR-50), and waits until they are.
    ///
    /// # Errors
    /// A refusal.
    pub async fn publish_batch(&self, caller: usize, count: usize) -> Outcome<u64> {
        let client = &self.publishers[caller % self.publishers.len()];
        let batch = format!("b{}", self.next.fetch_add(1, Ordering::Relaxed));
        let headers = |nth: usize| {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Batch-Id", batch.as_str());
            headers.insert("Nats-Batch-Sequence", nth.to_string().as_str());
            headers
        };
        for nth in 1..count {
            client.publish_with_headers(SUBJECT, headers(nth), self.payload.clone()).await?;
        }
        let mut last = headers(count);
        last.insert("Nats-Batch-Commit", "1");
        let request = Request::new().headers(last).payload(self.payload.clone()).timeout(Some(CALL_LIMIT));
        let answer = client.send_request(SUBJECT, request).await?;
        let told: serde_json::Value = serde_json::from_slice(&answer.payload)?;
        ensure!(told["error"].is_null() && told["count"] == count, "a batch was refused: {told}");
        Ok(count as u64)
    }

    /// Waits until so many were received since the beginning; answers for how long.
    ///
    /// # Errors
    /// They are not within `limit`.
    pub async fn drained(&self, count: u64, limit: Duration) -> Outcome<Duration> {
        let began = Instant::now();
        while self.delivered() < count {
            if began.elapsed() > limit {
                bail!("{} of {count} were received after {limit:?}", self.delivered());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(began.elapsed())
    }
}

fn configuration(folder: &Path, nth: usize, client: SocketAddr, routes: &[SocketAddr]) -> String {
    let files = folder.display();
    let tls = format!(
        "tls {{ cert_file: \"{files}/node.pem\", key_file: \"{files}/node.key\", ca_file: \"{files}/authority.pem\", verify: true }}"
    );
    let others: Vec<String> = routes.iter().map(|route| format!("\"tls://{route}\"")).collect();
    format!(
        "server_name: server-{nth}\nlisten: \"{client}\"\n{tls}\n\
         jetstream {{ store_dir: \"{files}/store-{nth}\", sync_interval: always, max_memory_store: 1GB, max_file_store: 8GB }}\n\
         cluster {{ name: bench, listen: \"{route}\", routes: [{others}], {tls} }}\n",
        route = routes[nth],
        others = others.join(", "),
    )
}

/// An authority, and one certificate for servers, routes and clients.
fn certify(folder: &Path) -> Outcome {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let mut node = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    node.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = node.signed_by(&key, &authority)?;
    fs::write(folder.join("authority.pem"), authority.pem())?;
    fs::write(folder.join("node.pem"), certificate.pem())?;
    Ok(fs::write(folder.join("node.key"), key.serialize_pem())?)
}
