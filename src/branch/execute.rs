//! The Execute stream: whatever requests have come are decided together, and their answers leave in one
//! message. It is driven by the call that reads its answers, with no task between: a customer who does not
//! read is not read either. Requests that must wait are answered when they are decided; the others do not
//! wait for them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use super::core::{Asked, Core};
use crate::{
    types::{Answer, RequestId},
    wire::{Batch, proto},
};

/// Requests of one stream that may wait in the replica; then the stream is not read further.
const MAX_WAITING: usize = 1024;

/// Answers of one message. Fewer than a client may wait for: it reads these while the next are decided.
const MAX_ANSWERS: usize = 256;

/// Requests decided under one lock.
const MAX_LOCKED: usize = 1024;

pub(super) fn run(core: Arc<Core>, requests: Streaming<proto::ExecuteRequest>) -> Execution {
    let (late, lately) = mpsc::unbounded_channel();
    let stopped = {
        let core = core.clone();
        Box::pin(async move { core.stopped().await })
    };
    Execution { core, requests, is_open: true, late, lately, waiting: 0, answers: Vec::new(), failure: None, stopped }
}

/// One stream's answers.
pub(super) struct Execution {
    core: Arc<Core>,
    requests: Streaming<proto::ExecuteRequest>,
    /// Whether requests may still come.
    is_open: bool,
    late: mpsc::UnboundedSender<(u64, Answer)>,
    lately: mpsc::UnboundedReceiver<(u64, Answer)>,
    /// How many answers will come through `lately`.
    waiting: usize,
    /// The next message's.
    answers: Vec<proto::Answer>,
    /// How the stream ends once these have left.
    failure: Option<Status>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for Execution {
    type Item = Result<proto::ExecuteResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if (this.is_open || this.waiting > 0) && this.stopped.as_mut().poll(context).is_ready() {
            this.end(Some(this.core.why_ended().into()));
        }
        this.take_requests(context);
        this.take_late_answers(context);
        if !this.answers.is_empty() {
            let answers = std::mem::take(&mut this.answers);
            if let Err(lost) = this.core.pass_of_customers() {
                this.end(None);
                return Poll::Ready(Some(Err(lost)));
            }
            return Poll::Ready(Some(Ok(proto::ExecuteResponse { answers })));
        }
        if this.is_open || this.waiting > 0 {
            return Poll::Pending;
        }
        Poll::Ready(this.failure.take().map(Err))
    }
}

impl Execution {
    /// Takes no more requests, and waits for no more answers.
    fn end(&mut self, failure: Option<Status>) {
        self.is_open = false;
        self.waiting = 0;
        self.failure = failure;
    }

    /// Decides the requests that have come.
    fn take_requests(&mut self, context: &mut Context<'_>) {
        while self.is_open && self.waiting < MAX_WAITING && self.answers.len() < MAX_ANSWERS {
            let message = match Pin::new(&mut self.requests).poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(message) => message.transpose(),
            };
            match message.and_then(|message| self.read(message)) {
                Ok(Some(batch)) => self.decide(batch),
                Ok(None) => self.is_open = false,
                Err(status) => self.end(Some(status)),
            }
        }
    }

    fn read(&self, message: Option<proto::ExecuteRequest>) -> Result<Option<Batch>, Status> {
        let Some(message) = message else { return Ok(None) };
        self.core.pass_of_customers()?;
        Ok(Some(message.read()?))
    }

    fn decide(&mut self, batch: Batch) {
        let Batch { client, requests, terms } = batch;
        self.answers.reserve(requests.len());
        let mut requests = requests.into_iter();
        while requests.len() > 0 {
            let mut impossible = Vec::new();
            let asked = requests.by_ref().take(MAX_LOCKED).filter_map(|(number, action)| {
                let id = client.map(|client| RequestId { client, number });
                match action {
                    Ok(action) => Some((number, Asked { id, action, terms: terms.clone(), include_version: false })),
                    Err(refusal) => {
                        impossible.push((number, id, refusal));
                        None
                    }
                }
            });
            let answers = &mut self.answers;
            let answered = |number, answer: Answer| answers.push(proto::Answer::new(number, &answer));
            self.waiting += self.core.ask_all(asked, answered, &self.late);
            for (number, id, refusal) in impossible {
                self.answers.push(proto::Answer::new(number, &self.core.refused(id, refusal)));
            }
        }
    }

    fn take_late_answers(&mut self, context: &mut Context<'_>) {
        while self.waiting > 0 && self.answers.len() < MAX_ANSWERS {
            let Poll::Ready(Some((number, answer))) = self.lately.poll_recv(context) else { return };
            self.waiting -= 1;
            self.answers.push(proto::Answer::new(number, &answer));
        }
    }
}
