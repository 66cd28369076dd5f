//! A connection that holds its writes back for a moment while they follow each other closely. tonic writes
//! whenever an answer is there, and a write to a socket costs about as much as the call that it answers:
//! so where many calls are under way on one connection, their answers leave together.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::yield_now,
};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Writes that are closer than this are many calls' at once: a lone caller's next comes a round trip later,
/// which takes longer even on loopback.
const CLOSE: Duration = Duration::from_micros(20);

/// A socket whose writes give way to what else is ready, once each time that all was written, if that was
/// just now.
pub(in crate::branch) struct Corked {
    socket: TcpStream,
    cork: Cork,
    /// When all was written last.
    written_at: Option<Instant>,
}

enum Cork {
    /// Nothing waits to be written.
    In,
    /// Done when others have had a turn, or when the connection has more to do.
    GivesWay(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// Until all is written.
    Out,
}

impl Corked {
    pub(in crate::branch) fn new(socket: TcpStream) -> Self {
        Self { socket, cork: Cork::In, written_at: None }
    }

    /// Ready when it may write.
    fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if matches!(self.cork, Cork::In) {
            let is_close = self.written_at.is_some_and(|at| at.elapsed() < CLOSE);
            self.cork = if is_close { Cork::GivesWay(Box::pin(yield_now())) } else { Cork::Out };
        }
        if let Cork::GivesWay(turn) = &mut self.cork {
            ready!(turn.as_mut().poll(context));
            self.cork = Cork::Out;
        }
        Poll::Ready(())
    }
}

impl Connected for Corked {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.socket.connect_info()
    }
}

impl AsyncRead for Corked {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(context));
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_out(context));
        Pin::new(&mut self.socket).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// Asked for once all that was gathered is written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.cork, Cork::Out) {
            self.cork = Cork::In;
            self.written_at = Some(Instant::now());
        }
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, task::Waker};

    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    async fn connection() -> (Corked, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (ours, _) = listener.accept().await.unwrap();
        ours.writable().await.unwrap();
        (Corked::new(ours), theirs)
    }

    #[tokio::test]
    async fn a_write_gives_way_once_if_another_was_just_before() {
        let (mut ours, mut theirs) = connection().await;
        let context = &mut Context::from_waker(Waker::noop());
        let just_now = Some(Instant::now() + Duration::from_secs(3600));
        for (written_at, gives_way) in [(None, false), (just_now, true), (just_now, true), (None, false)] {
            ours.written_at = written_at;
            let mut write = |text: &[u8]| Pin::new(&mut ours).poll_write(context, text);
            if gives_way {
                assert!(write(b"ab").is_pending());
            }
            assert!(matches!(write(b"ab"), Poll::Ready(Ok(2))));
            // What is written before all is flushed belongs to it.
            assert!(matches!(write(b"c"), Poll::Ready(Ok(1))));
            assert!(Pin::new(&mut ours).poll_flush(context).is_ready());
            let mut received = [0; 3];
            theirs.read_exact(&mut received).await.unwrap();
            assert_eq!(&received, b"abc");
        }
    }

    #[tokio::test]
    async fn who_gives_way_is_woken() {
        let (mut ours, mut theirs) = connection().await;
        ours.written_at = Some(Instant::now() + Duration::from_secs(3600));
        tokio::io::AsyncWriteExt::write_all(&mut ours, b"abc").await.unwrap();
        let mut received = [0; 3];
        theirs.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"abc");
    }
}
