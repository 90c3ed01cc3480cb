//! The listener whose connections can be cut.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Who is at the other end, and the means to end the connection without an answer.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub address: SocketAddr,
    dropped: Dropped,
}

impl Peer {
    /// The answer under way is never written: the connection ends at its first byte.
    pub fn drop_connection(&self, how: End) {
        self.dropped.0.store(how as u8, Ordering::SeqCst);
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Close = 1,
    /// Unsent data is thrown away and the peer gets a RST.
    Reset = 2,
}

#[derive(Debug, Clone, Default)]
struct Dropped(Arc<AtomicU8>);

impl Connected<IncomingStream<'_, DroppableListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, DroppableListener>) -> Self {
        Self {
            address: *stream.remote_addr(),
            dropped: stream.io().dropped.clone(),
        }
    }
}

pub(crate) struct DroppableListener(pub TcpListener);

pub(crate) struct DroppableStream {
    stream: TcpStream,
    dropped: Dropped,
}

impl Listener for DroppableListener {
    type Io = DroppableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (DroppableStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let dropped = Dropped::default();
        (DroppableStream { stream, dropped }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl DroppableStream {
    fn dropped(&self) -> Option<io::Error> {
        match self.dropped.0.load(Ordering::SeqCst) {
            0 => None,
            how => {
                if how == End::Reset as u8 {
                    drop(self.stream.set_zero_linger());
                }
                Some(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

impl AsyncRead for DroppableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for DroppableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.dropped() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.dropped() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
