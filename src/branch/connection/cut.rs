//! Connections that end in the middle of whatever they are at when their branch is killed, and hold still
//! while it is paused: as they would if its process were.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_util::either::Either;
use tonic::transport::server::Connected;

use super::cork::Corked;
use crate::branch::{
    shared::{Caller, Shared},
    stop::Stop,
};

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A customer's or a peer's connection.
pub(in crate::branch) struct Cuttable {
    stream: Either<Corked, DuplexStream>,
    /// Done when the branch is killed.
    killed: Waiting,
    shared: Arc<Shared>,
    /// Done when the branch is paused no more; `None` while it is not.
    awake: Option<Waiting>,
}

impl Cuttable {
    pub(in crate::branch) fn new(stream: Either<Corked, DuplexStream>, shared: Arc<Shared>) -> Self {
        let mut stop = shared.stop();
        let killed = async move {
            if stop.wait_for(|&stop| stop == Stop::AtOnce).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        Self { stream, killed: Box::pin(killed), shared, awake: None }
    }

    /// Whether anything may pass.
    fn check(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.killed.as_mut().poll(context).is_ready() {
            // A future that is done must not be polled again.
            self.killed = Box::pin(std::future::ready(()));
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.awake.is_none() && self.shared.is_paused() {
            let shared = self.shared.clone();
            self.awake = Some(Box::pin(async move { shared.awake().await }));
        }
        if let Some(awake) = &mut self.awake {
            ready!(awake.as_mut().poll(context));
            self.awake = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl Connected for Cuttable {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        Caller::at(match &self.stream {
            Either::Left(stream) => stream.connect_info().remote_addr(),
            Either::Right(_) => None,
        })
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.check(context))?;
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.check(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    /// Without it, a frame's head and what it carries are two system calls.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.check(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
