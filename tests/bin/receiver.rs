//! `receiver`: takes webhooks over HTTPS on a port of the system's choice, and writes each down before it answers.
//!
//! `receiver --folder DIR --certificate PEM --key PEM [--secret whsec_…]… [--until-stdin-closes]`; it prints where it listens as
//! one line of JSON. Paths say how they behave, `DIR/behaviour.json` says so anew: see `bascule_tests::receiver`.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bascule_tests::chance::now_ms;
use bascule_tests::ledger::read_event;
use bascule_tests::receiver::behaviour::{Answer, Behaviour, Memory};
use bascule_tests::receiver::{BEHAVIOUR, RECORDS, Ready, Record, Signed};
use bascule_tests::{Outcome, signature};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[derive(Default)]
struct Arguments {
    folder: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    secrets: Vec<String>,
    until_stdin_closes: bool,
}

struct Shop {
    records: Mutex<File>,
    behaviour: PathBuf,
    memory: Mutex<Memory>,
    secrets: Vec<String>,
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments = arguments()?;
    let shop = Arc::new(Shop {
        records: Mutex::new(OpenOptions::new().create(true).append(true).open(arguments.folder.join(RECORDS))?),
        behaviour: arguments.folder.join(BEHAVIOUR),
        memory: Mutex::default(),
        secrets: arguments.secrets.clone(),
    });
    let tls = TlsAcceptor::from(Arc::new(tls(&arguments)?));
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let ready = Ready { address: socket.local_addr()? };
    writeln!(io::stdout(), "{}", serde_json::to_string(&ready)?)?;
    if arguments.until_stdin_closes {
        std::thread::spawn(|| {
            let _ = io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
    }
    loop {
        let Ok((tcp, _)) = socket.accept().await else { continue };
        tokio::spawn(serve(tcp, tls.clone(), Arc::clone(&shop)));
    }
}

fn arguments() -> Outcome<Arguments> {
    let mut read = Arguments::default();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("`{word}` needs a value"));
        match word.as_str() {
            "--folder" => read.folder = value()?.into(),
            "--certificate" => read.certificate = value()?.into(),
            "--key" => read.key = value()?.into(),
            "--secret" => read.secrets.push(value()?),
            "--until-stdin-closes" => read.until_stdin_closes = true,
            other => bail!("`{other}` is no argument"),
        }
    }
    Ok(read)
}

fn tls(arguments: &Arguments) -> Outcome<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(&arguments.certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&arguments.key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn serve(tcp: TcpStream, tls: TlsAcceptor, shop: Arc<Shop>) {
    let _ = tcp.set_nodelay(true);
    // Strangers who break off are no news here.
    let Ok(stream) = tls.accept(tcp).await else { return };
    let service = service_fn(move |request| answer(request, Arc::clone(&shop)));
    // A connection that ends in an error was to end so.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// An error ends the connection without an answer; of HTTP/2, where calls to others may be on their way, the stream alone.
async fn answer(request: Request<Incoming>, shop: Arc<Shop>) -> Outcome<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let answer = shop.write_down(&head, &body).inspect_err(|error| {
        let _ = writeln!(io::stderr(), "receiver: {error:#}");
    })?;
    Ok(match answer {
        Answer::Status { status, after_ms, retry_after_s } => {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let mut made = Response::new(Full::default());
            *made.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
            if let Some(seconds) = retry_after_s {
                made.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            made
        }
        Answer::Token => {
            let text = format!(r#"{{"access_token":"token-{}","token_type":"Bearer","expires_in":3600}}"#, now_ms());
            let mut made = Response::new(Full::from(text));
            made.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
            made
        }
        Answer::Hang => std::future::pending().await,
        Answer::Close => bail!("the connection was to be closed"),
    })
}

impl Shop {
    /// Writes a request down, and says how it is to be answered.
    fn write_down(&self, head: &hyper::http::request::Parts, body: &[u8]) -> Outcome<Answer> {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let (webhook_id, webhook_timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let behaviour = self.behaviour(path, query)?;
        let answer = {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.answer(behaviour, path, webhook_id)
        };
        let event = read_event(&String::from_utf8_lossy(body)).unwrap_or_default();
        let headers = head.headers.iter();
        let headers = headers
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let record = Record {
            time_ms: now_ms(),
            method: head.method.as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            webhook_id: webhook_id.to_owned(),
            webhook_timestamp: webhook_timestamp.to_owned(),
            signature: self.signed(header("webhook-signature"), webhook_id, webhook_timestamp, body),
            event_id: event.id,
            mark: event.mark,
            status: answer.code(),
            headers: headers.collect(),
            body: String::from_utf8_lossy(body).into_owned(),
        };
        let line = serde_json::to_string(&record)? + "\n";
        // One write for a line, so that a reader finds whole lines and nothing waits in a buffer.
        self.records.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())?;
        Ok(answer)
    }

    /// What the file says of a path, else what the path itself says, else that all is well.
    fn behaviour(&self, path: &str, query: &str) -> Outcome<Behaviour> {
        let rows: BTreeMap<String, String> = match fs::read_to_string(&self.behaviour) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error.into()),
        };
        let own = format!("{path}?{query}");
        let said = Behaviour::read(rows.get(path).unwrap_or(&own)).or_else(|| Behaviour::read("/ok"));
        said.context("`/ok` is a behaviour")
    }

    fn signed(&self, header: &str, id: &str, timestamp: &str, body: &[u8]) -> Signed {
        if header.is_empty() {
            return Signed::Absent;
        }
        let verifies = |secret: &String| signature::verify(secret, id, timestamp, body, header);
        if self.secrets.iter().any(verifies) { Signed::Valid } else { Signed::Invalid }
    }
}
