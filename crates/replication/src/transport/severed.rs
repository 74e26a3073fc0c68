//! A stream that can be cut from outside: the HTTP library keeps its own connection alive for as long as a call goes on.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use bascule_pki::stream::TlsStream;

/// The switch of one stream.
#[derive(Debug, Default)]
pub(super) struct Cut {
    off: AtomicBool,
    reader: AtomicWaker,
}

/// A stream with its switch; one task reads and writes it.
pub(super) struct Severed {
    stream: TlsStream,
    cut: Arc<Cut>,
}

impl Cut {
    /// Ends the stream: whoever reads or writes it is told that it is gone.
    pub(super) fn now(&self) {
        self.off.store(true, Ordering::Release);
        self.reader.wake();
    }

    fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        // Before the look, so that a cut after it wakes the reader.
        self.reader.register(cx.waker());
        if self.off.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl Severed {
    pub(super) fn new(stream: TlsStream) -> (Self, Arc<Cut>) {
        let cut = Arc::new(Cut::default());
        (Self { stream, cut: Arc::clone(&cut) }, cut)
    }
}

impl AsyncRead for Severed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Severed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
