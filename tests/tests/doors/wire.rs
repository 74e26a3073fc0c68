//! TLS and HTTP/2 by hand: what an attacker writes, which no client library does. And figures, read while it does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bascule_api::client::Context;
use bascule_tests::Outcome;
use bascule_tests::daemon::Daemon;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// RFC 9113, section 3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

/// How long one read or write may take, unless a test says otherwise.
pub const STEP: Duration = Duration::from_secs(20);

/// TLS as this context, speaking h2 in these versions.
pub fn tls(context: &Context, versions: &[&'static SupportedProtocolVersion]) -> Outcome<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&context.ca)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
    let chain = vec![CertificateDer::from_pem_slice(&context.cert)?];
    let key = PrivateKeyDer::from_pem_slice(&context.key)?;
    let mut config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// A TCP connection to the daemon from 127.0.0.`host`.
pub async fn tcp(daemon: &Daemon, host: u8) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, host)), 0))?;
    Ok(timeout(STEP, socket.connect(daemon.grpc()?)).await??)
}

/// A handshake on it.
pub async fn shake(tcp: TcpStream, config: ClientConfig) -> Outcome<TlsStream<TcpStream>> {
    let shaking = TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, tcp);
    Ok(timeout(STEP, shaking).await.context("the handshake takes too long")??)
}

/// A frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// A header field, literal, in no table (RFC 7541, section 6.2.2); name and value below 127 bytes but for the last.
pub fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0], &integer(name.len())[..], name.as_bytes(), &integer(value.len()), value.as_bytes()].concat()
}

/// RFC 7541, section 5.1, with a prefix of seven bits.
fn integer(mut value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![value as u8];
    }
    let mut bytes = vec![127];
    value -= 127;
    while value >= 128 {
        bytes.push((value % 128) as u8 | 0x80);
        value /= 128;
    }
    bytes.push(value as u8);
    bytes
}

/// The header block of a call of `method`, `package.Service/Method`.
pub fn call(method: &str) -> Vec<u8> {
    [
        field(":method", "POST"),
        field(":scheme", "https"),
        field(":path", &format!("/{method}")),
        field(":authority", "localhost"),
        field("content-type", "application/grpc"),
        field("te", "trailers"),
        field("grpc-timeout", "30S"),
    ]
    .concat()
}

/// A frame as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub body: Vec<u8>,
}

/// Reads a frame; none at the connection's end, however it comes.
pub async fn read(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    Some(Frame { kind: head[3], flags: head[4], stream: id, body })
}

/// A connection of HTTP/2 as this context whose preface is sent and whose settings are exchanged.
pub async fn open(daemon: &Daemon, context: &Context, host: u8) -> Outcome<TlsStream<TcpStream>> {
    let mut stream = shake(tcp(daemon, host).await?, tls(context, rustls::ALL_VERSIONS)?).await?;
    let hello = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(SETTINGS, 1, 0, &[])].concat();
    stream.write_all(&hello).await?;
    stream.flush().await?;
    let first = timeout(STEP, read(&mut stream)).await.context("no settings")?.context("no connection")?;
    anyhow::ensure!(first.kind == SETTINGS, "{first:?}");
    Ok(stream)
}

/// Reads, and answers pings as a client that is alive, until the connection ends or `limit` is over; the frames, and whether it ended.
pub async fn rest(stream: &mut TlsStream<TcpStream>, limit: Duration) -> (Vec<Frame>, bool) {
    let mut frames = Vec::new();
    let reading = async {
        while let Some(next) = read(stream).await {
            if next.kind == PING && next.flags == 0 {
                // Whether it is taken shows at the next read.
                let _ = stream.write_all(&frame(PING, 1, 0, &next.body)).await;
                let _ = stream.flush().await;
            }
            frames.push(next);
        }
    };
    let ended = timeout(limit, reading).await.is_ok();
    (frames, ended)
}

/// The sum of a figure over its labels that hold `label`.
pub async fn figure(daemon: &Daemon, name: &str, label: &str) -> Outcome<f64> {
    let mut tcp = TcpStream::connect(daemon.admin()?).await?;
    tcp.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut text = String::new();
    timeout(STEP, tcp.read_to_string(&mut text)).await.context("no figures")??;
    let lines = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name) && line.contains(label));
    Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
