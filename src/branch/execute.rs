//! The Execute stream: each message is decided under one lock, and its answers leave in one message.
//! Requests that must wait are answered when they are decided; the others do not wait for them.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Status, Streaming};

use super::core::{Asked, Core};
use crate::{
    types::{Answer, ClientId, RequestId},
    wire::{Batch, proto},
};

/// Answers that may wait for the customer to read them, in messages.
const RESPONSES_AHEAD: usize = 16;

/// Requests of one stream that may wait in the replica; then the stream is not read further.
const MAX_WAITING: usize = 1024;

/// Answers gathered into one message at most.
const MAX_ANSWERS: usize = 1024;

pub(super) fn run(
    core: Arc<Core>,
    requests: Streaming<proto::ExecuteRequest>,
) -> impl Stream<Item = Result<proto::ExecuteResponse, Status>> {
    let (sender, receiver) = mpsc::channel(RESPONSES_AHEAD);
    tokio::spawn(async move {
        if let Err(status) = serve(core, requests, &sender).await {
            // If the customer has gone, nobody is left to tell.
            let _ = sender.send(Err(status)).await;
        }
    });
    ReceiverStream::new(receiver)
}

async fn serve(
    core: Arc<Core>,
    mut requests: Streaming<proto::ExecuteRequest>,
    sender: &mpsc::Sender<Result<proto::ExecuteResponse, Status>>,
) -> Result<(), Status> {
    let (late, mut lately) = mpsc::unbounded_channel();
    let mut waiting = 0;
    let mut open = true;
    let mut answers: Vec<(u64, Answer)> = Vec::new();
    while open || waiting > 0 {
        tokio::select! {
            message = requests.message(), if open && waiting < MAX_WAITING => match message? {
                Some(message) => {
                    core.pass_of_customers()?;
                    waiting += decide(&core, message.read()?, &mut answers, &late);
                }
                None => open = false,
            },
            Some(answer) = lately.recv() => {
                waiting -= 1;
                answers.push(answer);
                while answers.len() < MAX_ANSWERS && let Ok(answer) = lately.try_recv() {
                    waiting -= 1;
                    answers.push(answer);
                }
            }
            () = sender.closed() => return Ok(()),
            () = core.stopped() => return Err(core.why_ended().into()),
        }
        if !answers.is_empty() {
            core.pass_of_customers()?;
            let answers = answers.drain(..).map(|(number, answer)| proto::Answer::new(number, &answer)).collect();
            if sender.send(Ok(proto::ExecuteResponse { answers })).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn decide(
    core: &Core,
    batch: Batch,
    answers: &mut Vec<(u64, Answer)>,
    late: &mpsc::UnboundedSender<(u64, Answer)>,
) -> usize {
    let Batch { client, requests, terms } = batch;
    let mut asked = Vec::with_capacity(requests.len());
    for (number, action) in requests {
        let id = client.map(|client: ClientId| RequestId { client, number });
        match action {
            Ok(action) => asked.push((number, Asked { id, action, terms: terms.clone(), include_version: false })),
            Err(refusal) => answers.push((number, core.refused(id, refusal))),
        }
    }
    core.ask_all(asked, answers, late)
}
