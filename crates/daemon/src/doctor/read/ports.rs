//! Whether both addresses can be listened on, tried for a moment each; and what answers where something is there already.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use crate::config::settings::Listen;
use crate::doctor::readings::{Port, Tried};
use crate::health;

/// Tries both.
pub fn read(listen: Listen) -> [Port; 2] {
    let grpc = tried(listen.grpc, TcpListener::bind);
    let admin = tried(listen.admin, TcpListener::bind);
    let answer =
        (admin == Tried::Held).then(|| health::ask(listen.admin).unwrap_or_else(|error| Err(error.to_string())));
    [
        Port { key: "listen.grpc", address: listen.grpc, tried: grpc, answer: None },
        Port { key: "listen.admin", address: listen.admin, tried: admin, answer },
    ]
}

/// Tries the one of peers.
pub fn of_peers(address: SocketAddr) -> Port {
    Port { key: "listen.peer", address, tried: tried(address, TcpListener::bind), answer: None }
}

fn tried<T>(address: SocketAddr, bind: impl FnOnce(SocketAddr) -> io::Result<T>) -> Tried {
    if address.port() == 0 {
        return Tried::Chosen;
    }
    match bind(address).map(drop) {
        Ok(()) => Tried::Free,
        Err(error) => match error.kind() {
            ErrorKind::AddrInUse => Tried::Held,
            ErrorKind::PermissionDenied => Tried::Denied,
            ErrorKind::AddrNotAvailable => Tried::NoSuchAddress,
            _ => Tried::Failed(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_tried() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        assert_eq!(tried(address, TcpListener::bind), Tried::Held);
        drop(held);
        assert_eq!(tried(address, TcpListener::bind), Tried::Free);
        assert_eq!(tried("127.0.0.1:0".parse().unwrap(), TcpListener::bind), Tried::Chosen);
        assert_eq!(tried("192.0.2.1:9".parse().unwrap(), TcpListener::bind), Tried::NoSuchAddress);
        let refuse = |kind: ErrorKind| move |_: SocketAddr| Err::<(), _>(kind.into());
        assert_eq!(tried(address, refuse(ErrorKind::PermissionDenied)), Tried::Denied);
        assert!(matches!(tried(address, refuse(ErrorKind::OutOfMemory)), Tried::Failed(_)));
    }
}
