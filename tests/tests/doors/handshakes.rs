//! What is spoken at the door: TLS 1.2 and 1.3, nothing older, nothing in the clear.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bascule_tests::Outcome;
use bascule_tests::client::{Client, entry};
use bascule_tests::daemon::{Daemon, Options};

const TLS_1_0: u16 = 0x0301;
const TLS_1_1: u16 = 0x0302;
const TLS_1_2: u16 = 0x0303;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
/// RFC 8446, section 6.2.
const PROTOCOL_VERSION: u8 = 70;

fn counted(length_bytes: usize, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    [&length[4 - length_bytes..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(2, body)].concat()
}

/// A ClientHello of this version and no newer, with suites that an ECDSA server of it would take (RFC 5246, section 7.4.1.2).
fn client_hello(version: u16) -> Vec<u8> {
    let suites: Vec<u8> =
        [0xc02b_u16, 0xc02c, 0xcca9, 0xc009, 0xc00a].iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let extensions = [
        extension(0x000a, &counted(2, &[0x00, 0x1d, 0x00, 0x17])),
        extension(0x000b, &counted(1, &[0])),
        extension(0x000d, &counted(2, &[0x04, 0x03, 0x05, 0x03])),
        extension(0x0017, &[]),
    ]
    .concat();
    let body = [
        &version.to_be_bytes()[..],
        &[7; 32],
        &counted(1, &[]),
        &counted(2, &suites),
        &counted(1, &[0]),
        &counted(2, &extensions),
    ]
    .concat();
    let message = [&[1][..], &counted(3, &body)].concat();
    [&[HANDSHAKE, 3, 1][..], &counted(2, &message)].concat()
}

/// What the server says to these bytes before it closes, at most a little.
fn said_to(daemon: &Daemon, bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut tcp = TcpStream::connect(daemon.grpc()?)?;
    tcp.set_read_timeout(Some(Duration::from_secs(30)))?;
    tcp.write_all(bytes)?;
    let mut said = vec![0; 64];
    match tcp.read(&mut said) {
        Ok(count) => said.truncate(count),
        // Bytes that were not read yet make a reset of the close.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => said.clear(),
        Err(error) => return Err(error).context("the server neither answered nor closed"),
    }
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_are_not_offered() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    for version in [TLS_1_0, TLS_1_1] {
        let said = said_to(&daemon, &client_hello(version))?;
        ensure!(said.len() >= 7 && said[0] == ALERT, "{version:#x}: {said:?}");
        assert_eq!(said[6], PROTOCOL_VERSION, "{version:#x}: {said:?}");
    }
    // The same words in a version that is spoken are understood, or the test would show nothing.
    let said = said_to(&daemon, &client_hello(TLS_1_2))?;
    ensure!(said.len() >= 6 && said[0] == HANDSHAKE && said[5] == SERVER_HELLO, "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_spoken_in_the_clear() -> Outcome {
    let daemon = Daemon::start(&Options::default())?;
    for plain in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..],
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\x80\x2e\x01\x00\x02",
        &[0; 300],
        &[0xff; 300],
    ] {
        let said = said_to(&daemon, plain)?;
        // An alert of TLS, or nothing; never a word of HTTP.
        ensure!(said.is_empty() || said[0] == ALERT, "{plain:?}: {said:?}");
    }
    Client::operator(&daemon).await?.put_one(entry("test.clear", "t", "{}")).await?;
    Ok(())
}
