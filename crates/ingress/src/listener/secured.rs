//! A connection after its handshake, as the gRPC server takes it: the stream, and who is on the other side.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tonic::transport::server::Connected;

use bascule_pki::peer::Peer;
use bascule_pki::stream::TlsStream;

use crate::listener::connections::{Connections, Live, Seat};
use crate::listener::pace::Pace;
use crate::listener::retire::Retire;
use crate::stack::Caller;

/// One connection; it holds its place among the listener's connections until it ends.
pub(crate) struct Secured {
    stream: TlsStream,
    from: IpAddr,
    pace: Pace,
    live: Arc<Live>,
    connections: Arc<Connections>,
    _seat: Seat,
    // Dropped with it, which tells that it is gone.
    _gone: oneshot::Sender<()>,
}

impl Secured {
    /// A connection whose handshake is done; the receiver hears of its end.
    pub(super) fn new(
        stream: TlsStream,
        from: IpAddr,
        peer: Arc<Peer>,
        mut seat: Seat,
        connections: Arc<Connections>,
    ) -> (Self, oneshot::Receiver<()>) {
        let (gone, end) = oneshot::channel();
        let live = seat.shaken(peer);
        let pace = Pace::new(connections.now());
        (Self { stream, from, pace, live, connections, _seat: seat, _gone: gone }, end)
    }

    pub(super) fn retire(&self) -> &Retire {
        &self.live.retire
    }

    /// Looks at what was read.
    fn heard(&mut self, bytes: &[u8]) -> io::Result<()> {
        let connections = &self.connections;
        let orderly = self.pace.take(bytes, || connections.now());
        let since_ms = self.pace.unfinished_since().map_or(0, |since| since.0.max(1));
        self.live.unfinished_ms.store(since_ms, Ordering::Relaxed);
        if orderly {
            return Ok(());
        }
        tracing::info!(from = %self.from, "a connection is cut: its frames ask for nothing");
        self.connections.ended("flood");
        self.live.cut.now();
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl Connected for Secured {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        let Live { peer, cut, retire, .. } = &*self.live;
        Caller { peer: Arc::clone(peer), from: Some(self.from), cut: cut.clone(), retire: retire.clone() }
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.live.cut.check(cx)?;
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        Poll::Ready(self.heard(&buf.filled()[before..]))
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        // A client that does not read holds up reads too, behind what cannot be written.
        self.live.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.live.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.live.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.live.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
