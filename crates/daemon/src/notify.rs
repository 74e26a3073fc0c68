//! What systemd is told, if it listens: ready, reloading, stopping. Datagrams to the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The variable that names the socket.
pub const VARIABLE: &str = "NOTIFY_SOCKET";

/// The way to systemd; without one, every word is for nobody.
#[derive(Debug, Default)]
pub struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
}

impl Notify {
    /// Opens the socket of this name; `@` begins an abstract one.
    #[must_use]
    pub fn open(name: Option<&OsStr>) -> Self {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Self::default();
        };
        match open(name.as_bytes()) {
            Ok(to) => Self { to: Some(to) },
            Err(error) => {
                tracing::warn!(%error, "{VARIABLE} cannot be used");
                Self::default()
            }
        }
    }

    /// The start is over.
    pub fn ready(&self) {
        self.say("READY=1\nSTATUS=serving");
    }

    /// A reload begins; [`Notify::ready`] ends it. `now_us` is the monotonic clock's.
    pub fn reloading(&self, now_us: u64) {
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}\nSTATUS=reloading"));
    }

    /// The stop begins.
    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=stopping");
    }

    fn say(&self, text: &str) {
        if let Some((socket, address)) = &self.to
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            tracing::warn!(%error, "systemd could not be told");
        }
    }
}

fn open(name: &[u8]) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    // A service manager that does not read must not hold the daemon up.
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_arrive_as_datagrams() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::open(Some(path.as_os_str()));
        notify.ready();
        notify.reloading(17);
        notify.stopping();
        let mut heard = Vec::new();
        for _ in 0..3 {
            let mut buffer = [0; 128];
            let length = socket.recv(&mut buffer).unwrap();
            heard.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        let begins = ["READY=1\n", "RELOADING=1\nMONOTONIC_USEC=17\n", "STOPPING=1\n"];
        assert!(heard.iter().zip(begins).all(|(text, begin)| text.starts_with(begin)), "{heard:?}");
        Notify::open(None).ready();
    }
}
