//! The Execute stream: whatever requests have come are decided together, and their answers leave in one
//! message. It is driven by the call that reads its answers, with no task between: a customer who does not
//! read is not read either. Requests that must wait are answered when they are decided; the others do not
//! wait for them.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

use crate::{
    branch::{
        panics,
        shared::{Asked, Caller, Late, Shared},
    },
    types::{Action, Answer, RequestId},
    wire::{Batch, proto},
};

/// Requests of one stream that may wait in the replica; then the stream is not read further.
const STREAM_WAITING_MAX: usize = 1024;

/// Answers of one message. Fewer than a client may wait for: it reads these while the next are decided.
const MAX_ANSWERS: usize = 256;

/// Requests decided under one lock.
const MAX_LOCKED: usize = 1024;

pub(in crate::branch) fn run(
    shared: Arc<Shared>,
    caller: Caller,
    requests: Streaming<proto::ExecuteRequest>,
) -> Execution {
    let (late, lately) = mpsc::unbounded_channel();
    let stopped = {
        let shared = shared.clone();
        Box::pin(async move { shared.stopped().await })
    };
    Execution {
        shared,
        caller,
        requests,
        is_open: true,
        late,
        lately,
        waiting: BTreeSet::new(),
        answers: Vec::new(),
        failure: None,
        stopped,
    }
}

/// One stream's answers.
pub(in crate::branch) struct Execution {
    shared: Arc<Shared>,
    caller: Caller,
    requests: Streaming<proto::ExecuteRequest>,
    /// Whether requests may still come.
    is_open: bool,
    late: mpsc::UnboundedSender<Late>,
    lately: mpsc::UnboundedReceiver<Late>,
    /// The tickets whose answers will come through `lately`.
    waiting: BTreeSet<u64>,
    /// The next message's.
    answers: Vec<proto::Answer>,
    /// How the stream ends once these have left.
    failure: Option<Status>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for Execution {
    type Item = Result<proto::ExecuteResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let shared = self.shared.clone();
        panics::guard(&shared, "a customer's stream", || self.poll_answers(context)).unwrap_or_else(|failure| {
            self.end(None);
            self.answers.clear();
            Poll::Ready(Some(Err(failure.into())))
        })
    }
}

/// What still waits goes with the stream.
impl Drop for Execution {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl Execution {
    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<proto::ExecuteResponse, Status>>> {
        let this = self;
        if (this.is_open || !this.waiting.is_empty()) && this.stopped.as_mut().poll(context).is_ready() {
            this.end(Some(this.shared.why_ended().into()));
        }
        this.take_requests(context);
        this.take_late_answers(context);
        if !this.answers.is_empty() {
            let answers = std::mem::take(&mut this.answers);
            if let Err(lost) = this.shared.pass_of_customers() {
                this.end(None);
                return Poll::Ready(Some(Err(lost)));
            }
            return Poll::Ready(Some(Ok(proto::ExecuteResponse { answers })));
        }
        if this.is_open || !this.waiting.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(this.failure.take().map(Err))
    }

    /// Takes no more requests, and waits for no more answers.
    fn end(&mut self, failure: Option<Status>) {
        self.is_open = false;
        self.failure = failure;
        if !self.waiting.is_empty() {
            self.shared.give_up(std::mem::take(&mut self.waiting));
        }
    }

    /// Decides the requests that have come.
    fn take_requests(&mut self, context: &mut Context<'_>) {
        while self.is_open && self.waiting.len() < STREAM_WAITING_MAX && self.answers.len() < MAX_ANSWERS {
            let message = match Pin::new(&mut self.requests).poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(message) => message.transpose(),
            };
            let decided = match message.and_then(|message| self.read(message)) {
                Ok(Some(batch)) => self.decide(batch),
                Ok(None) => {
                    self.is_open = false;
                    Ok(())
                }
                Err(status) => Err(status),
            };
            if let Err(status) = decided {
                self.end(Some(status));
            }
        }
    }

    fn read(&self, message: Option<proto::ExecuteRequest>) -> Result<Option<Batch>, Status> {
        let Some(message) = message else { return Ok(None) };
        self.shared.pass_of_customers()?;
        let batch = message.read()?;
        self.shared.judge_version(&batch.terms.at_least)?;
        Ok(Some(batch))
    }

    fn decide(&mut self, batch: Batch) -> Result<(), Status> {
        let Batch { client, requests, terms } = batch;
        self.answers.reserve(requests.len());
        let has_writes = requests.iter().any(|(_, action)| matches!(action, Ok(Action::Write(_))));
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
            self.shared.ask_all(asked, has_writes, &self.caller, answered, &self.late, &mut self.waiting)?;
            for (number, id, refusal) in impossible {
                self.answers.push(proto::Answer::new(number, &self.shared.refused(id, refusal)));
            }
        }
        Ok(())
    }

    fn take_late_answers(&mut self, context: &mut Context<'_>) {
        while !self.waiting.is_empty() && self.answers.len() < MAX_ANSWERS {
            let Poll::Ready(Some((ticket, number, answer))) = self.lately.poll_recv(context) else { return };
            self.waiting.remove(&ticket);
            self.answers.push(proto::Answer::new(number, &answer));
        }
    }
}
