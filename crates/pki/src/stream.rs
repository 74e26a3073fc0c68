//! The encrypted byte stream of either side, so that other rooms need not know the TLS library.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection whose handshake is done. Dropping it without `shutdown` looks like a truncation to the peer.
#[derive(Debug)]
pub struct TlsStream(pub(crate) Box<tokio_rustls::TlsStream<TcpStream>>);

impl TlsStream {
    /// The protocol agreed by ALPN, such as `h2`; none when the peer offered none.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }

    /// The TLS version agreed, such as `TLSv1_3`.
    pub fn version(&self) -> Option<&'static str> {
        self.0.get_ref().1.protocol_version().and_then(|version| version.as_str())
    }

    /// The key exchange agreed, such as `X25519MLKEM768`.
    pub fn key_exchange(&self) -> Option<String> {
        self.0.get_ref().1.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()))
    }

    /// Whether this handshake resumed an earlier session, and so skipped the certificates.
    pub fn resumed(&self) -> bool {
        self.0.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// The TCP stream underneath, for addresses and socket options.
    pub fn tcp(&self) -> &TcpStream {
        self.0.get_ref().0
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}
