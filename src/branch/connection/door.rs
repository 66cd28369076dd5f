//! The door for peers: every call between branches that is refused is logged here, whoever refused
//! it, the transport's own limits included. What becomes of a stream once it has begun is its link's to tell.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use tonic::{
    Status,
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
};

use crate::branch::shared::{Caller, Shared};

/// How tonic answers a call that ended before its message: its caller has given it up, and knows that.
const NOTHING_SAID: &str = "Missing request message.";

/// A service whose refusals are logged.
#[derive(Clone)]
pub(in crate::branch) struct Door<S> {
    service: S,
    shared: Arc<Shared>,
}

impl<S> Door<S> {
    pub(in crate::branch) fn new(service: S, shared: Arc<Shared>) -> Self {
        Self { service, shared }
    }
}

impl<S: NamedService> NamedService for Door<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Door<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // Without the port, of which a flood may have many. A branch of this process has no address.
        let caller = request.extensions().get::<Caller>().and_then(|caller| caller.address);
        let caller = caller.map_or_else(|| "this process".to_owned(), |address| address.ip().to_string());
        let shared = self.shared.clone();
        let answered = self.service.call(request);
        Box::pin(async move {
            let response = answered.await?;
            let status = Status::from_header_map(response.headers()).filter(|status| status.message() != NOTHING_SAID);
            if let Some(status) = status {
                shared.complain(&format!("call from {caller} refused"), &status);
            }
            Ok(response)
        })
    }
}
