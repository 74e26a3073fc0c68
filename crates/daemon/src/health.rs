//! `health`: asks a running node's admin listener whether it is ready, for supervisors that run a command to know.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::{self, Sources};
use crate::error::Error;
use crate::limits::{HEALTH_LIMIT_BYTES, HEALTH_LIMIT_MS};

/// Asks the node of this configuration.
///
/// # Errors
/// [`Error::Config`]; [`Error::NotReady`], with the node's reason or the system's.
pub fn health(sources: &Sources) -> Result<(), Error> {
    let address = config::read(sources)?.listen.admin;
    let refused = |why: String| Error::NotReady { address, why };
    if address.port() == 0 {
        return Err(refused("the system chose its port, so nobody knows it: set `listen.admin`".to_owned()));
    }
    match ask(address) {
        Ok(answer) => answer.map_err(refused),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Asks whoever listens at `address`: ready, or why not.
///
/// # Errors
/// The system's: nobody listens there, or it says nothing in time.
pub fn ask(address: SocketAddr) -> io::Result<Result<(), String>> {
    let limit = Duration::from_millis(HEALTH_LIMIT_MS);
    let mut stream = TcpStream::connect_timeout(&reachable(address), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(HEALTH_LIMIT_BYTES).read_to_end(&mut answer).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "no answer in time"),
        _ => error,
    })?;
    Ok(judged(&String::from_utf8_lossy(&answer)))
}

/// A listener on all addresses is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn judged(answer: &str) -> Result<(), String> {
    let mut words = answer.lines().next().unwrap_or_default().split(' ');
    let spoken = words.next().is_some_and(|word| word.starts_with("HTTP/"));
    match words.next().filter(|_| spoken) {
        Some("200") => Ok(()),
        Some("503") => {
            let reason = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).lines().next().unwrap_or_default();
            Err(if reason.is_empty() { "no reason was given".to_owned() } else { reason.to_owned() })
        }
        _ => Err("what listens there is no basculed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_are_judged() {
        let rows = [
            ("HTTP/1.0 200 OK\r\n\r\nready\n", Ok(())),
            ("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\nthe node is starting\n", Err("the node is starting")),
            ("HTTP/1.0 503 Service Unavailable\r\n\r\n", Err("no reason was given")),
            ("HTTP/1.0 404 Not Found\r\n\r\n", Err("what listens there is no basculed")),
            ("SSH-2.0-x 200\r\n", Err("what listens there is no basculed")),
            ("", Err("what listens there is no basculed")),
        ];
        for (answer, expected) in rows {
            assert_eq!(judged(answer), expected.map_err(str::to_owned), "{answer}");
        }
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (told, asked) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")] {
            assert_eq!(reachable(told.parse().unwrap()), asked.parse().unwrap());
        }
    }

    #[test]
    fn nobody_there_is_an_error() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        drop(socket);
        assert_eq!(ask(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
