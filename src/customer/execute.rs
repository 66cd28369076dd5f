//! Pipelined requests: many under way on one stream. If the stream breaks, what is unanswered is
//! sent again under the same numbers, so everything still counts once.

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    Customer, CustomerError,
    journal::Notes,
    retry::{Asks, GRACE, Retry},
};
use crate::{
    check::Outcome,
    replica::ANSWERS_PER_CLIENT,
    types::{Action, Answer, ClientId, Terms, Tried},
    wire::proto::{ExecuteRequest, ExecuteResponse},
};

/// Requests in one message.
const BATCH: usize = 256;

/// Requests from the lowest unanswered one to the highest sent: no more than a branch remembers answers, so
/// that any of them can be sent again.
const WINDOW: usize = ANSWERS_PER_CLIENT;

/// The requests of one `execute`, and their answers so far.
struct Pipeline<'a> {
    client: ClientId,
    actions: &'a [Action],
    answers: Vec<Option<Answer>>,
    first_number: u64,
    /// Every request below this is answered.
    answered_below: usize,
    /// Every request from this on has never been sent.
    sent_below: usize,
    /// What is known of the life in which they are first tried: that of the branch before them.
    tried: Tried,
    notes: Option<Notes<'a>>,
}

impl Pipeline<'_> {
    fn is_done(&self) -> bool {
        self.answered_below == self.actions.len()
    }

    /// The unanswered requests from `from` on, as many as one message and the window take, and where
    /// to go on. What was sent before goes before, and alone.
    fn batch(&self, from: usize, sent_before: usize) -> (Vec<(u64, Action)>, usize) {
        let end = self.actions.len().min(self.answered_below + WINDOW);
        let end = if from < sent_before { end.min(sent_before) } else { end };
        let mut batch = Vec::with_capacity(BATCH);
        let mut next = from;
        while next < end && batch.len() < BATCH {
            if self.answers[next].is_none() {
                batch.push((self.first_number + next as u64, self.actions[next]));
            }
            next += 1;
        }
        (batch, next)
    }

    /// Takes an answer; false if it is to no request of ours.
    fn take(&mut self, number: u64, answer: Answer) -> bool {
        let index = number.checked_sub(self.first_number).and_then(|index| usize::try_from(index).ok());
        let Some(index) = index.filter(|&index| index < self.answers.len()) else { return false };
        if let Some(notes) = &mut self.notes {
            notes.done(index, Outcome::Answered(answer.clone()));
        }
        self.answers[index] = Some(answer);
        while self.answers.get(self.answered_below).is_some_and(Option::is_some) {
            self.answered_below += 1;
        }
        true
    }
}

impl Customer {
    /// Sends many requests down one stream and waits for every answer; answer i is to request i. The
    /// branch decides them in their order, but for those that must wait. `terms.wait` holds for
    /// each request; as long as answers come, the whole may take longer.
    ///
    /// # Errors
    /// [`CustomerError`] if the branch falls silent; any of the writes may then have happened.
    pub async fn execute(&self, actions: &[Action], terms: &Terms) -> Result<Vec<Answer>, CustomerError> {
        let mut retry = Retry::begin(&self.connection, terms, Asks::ToWrite).await?;
        let named = self.names.take(actions.len() as u64, self.address())?;
        let (client, first_number) = (named.client(), named.first);
        let mut pipeline = Pipeline {
            client,
            actions,
            answers: vec![None; actions.len()],
            first_number,
            answered_below: 0,
            sent_below: 0,
            tried: self.life().map_or(Tried::Sometime, Tried::In),
            notes: self.noted.as_ref().map(|noted| noted.ask(client, Some(first_number), actions, terms)),
        };
        while !pipeline.is_done() {
            let before = pipeline.answered_below;
            let ended = self.stream(&mut pipeline, terms).await?;
            if pipeline.answered_below > before {
                retry.renew();
            }
            if !pipeline.is_done() {
                let silent = || Status::unavailable("the branch closed the stream");
                retry.after(ended.err().unwrap_or_else(silent)).await?;
            }
        }
        // Every one is there. (And so the list is the same list: `flatten` would make another.)
        Ok(pipeline.answers.into_iter().map_while(|answer| answer).collect())
    }

    /// One stream, until every request is answered (`Ok`) or it breaks (the inner `Err`).
    async fn stream(&self, pipeline: &mut Pipeline<'_>, terms: &Terms) -> Result<Result<(), Status>, CustomerError> {
        let silence = std::time::Duration::from_micros(terms.wait.0).saturating_add(GRACE);
        let quiet = || Status::deadline_exceeded("the branch fell silent");
        let (sender, receiver) = mpsc::channel(WINDOW / BATCH + 1);
        let mut next = pipeline.answered_below;
        let sent_before = pipeline.sent_below;
        let again = Terms { tried: pipeline.tried, ..terms.clone() };
        let mut send = |pipeline: &mut Pipeline<'_>| {
            while let Ok(permit) = sender.try_reserve() {
                let (batch, end) = pipeline.batch(next, sent_before);
                let terms = if next < sent_before { &again } else { terms };
                let at_end = end == next;
                next = end;
                pipeline.sent_below = end.max(pipeline.sent_below);
                if batch.is_empty() && at_end {
                    return;
                }
                if !batch.is_empty() {
                    permit.send(ExecuteRequest::new(pipeline.client, batch, terms));
                }
            }
        };
        // The first requests leave with the call: no round trip is spent on opening the stream.
        send(pipeline);
        let mut bank = self.connection.bank();
        let mut responses = match timeout(silence, bank.execute(ReceiverStream::new(receiver))).await {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return Ok(Err(status)),
            Err(_) => return Ok(Err(quiet())),
        };
        while !pipeline.is_done() {
            send(pipeline);
            let message = match timeout(silence, responses.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return Ok(Err(Status::unavailable("the branch closed the stream"))),
                Ok(Err(status)) => return Ok(Err(status)),
                Err(_) => return Ok(Err(quiet())),
            };
            self.take(pipeline, &message)?;
        }
        Ok(Ok(()))
    }

    fn take(&self, pipeline: &mut Pipeline<'_>, message: &ExecuteResponse) -> Result<(), CustomerError> {
        for answer in &message.answers {
            let read = self.connection.read(answer.read(pipeline.client))?;
            self.learn(&read);
            if !pipeline.take(answer.number, read) {
                return Err(self.connection.nonsense(&format!("an answer to unknown request {}", answer.number)));
            }
        }
        Ok(())
    }
}
