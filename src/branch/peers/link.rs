//! The stream that links two branches. Both ends run the same loop; only who dials differs. A link
//! that breaks is dialled again, with capped exponential backoff and jitter.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_stream::{Stream, StreamExt, wrappers::ReceiverStream};
use tonic::{Code, Status};

use crate::{
    branch::{
        connection::channels::{CONNECT_WITHIN, Channels},
        error::{BranchError, SessionEnd, describe, level},
        shared::{Arrived, Session, Shared},
    },
    record, trace,
    types::{BranchId, Incarnation, Origin, Propagation},
    wire::{
        Cutter, Hello, Joiner, MAX_PEER_MESSAGE_BYTES,
        proto::{self, replication_service_client::ReplicationServiceClient},
    },
};

/// Messages that may wait for the wire: what comes after gathers in the replica.
pub(in crate::branch) const MESSAGES_AHEAD: usize = 4;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// The wait before the next attempt: between half of the nominal backoff and all of it.
#[derive(Debug)]
pub(in crate::branch) struct Backoff(Duration);

impl Backoff {
    pub(in crate::branch) fn new() -> Self {
        Self(BACKOFF_MIN)
    }

    pub(in crate::branch) fn next(&mut self) -> Duration {
        let wait = self.0.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.0 = (self.0 * 2).min(BACKOFF_MAX);
        wait
    }
}

/// Keeps the link to `peer` until the branch stops.
pub(in crate::branch) async fn dial(shared: Arc<Shared>, peer: BranchId, address: String, channels: Arc<Channels>) {
    let mut backoff = Backoff::new();
    let mut last_failure = String::new();
    let mut faults = shared.changing_faults();
    loop {
        shared.mended(peer).await;
        shared.awake().await;
        let lasted = Instant::now();
        let ended = tokio::select! {
            ended = dial_once(&shared, peer, &address, &channels) => ended,
            () = shared.stopped() => return,
        };
        let (failure, level) = match ended {
            Ok(()) => ("the peer closed the link".to_owned(), log::Level::Info),
            Err(status) => (describe(&status), level(&status)),
        };
        if failure != last_failure {
            log::log!(level, "branch {}: link to {peer} at {address}: {failure}; dialling again", shared.own().branch);
            last_failure = failure;
        }
        if lasted.elapsed() > BACKOFF_MAX {
            backoff = Backoff::new();
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            // What failed because of a fault may not fail any more.
            _ = faults.changed() => backoff = Backoff::new(),
            () = shared.stopped() => return,
        }
    }
}

async fn dial_once(shared: &Arc<Shared>, peer: BranchId, address: &str, channels: &Channels) -> Result<(), Status> {
    let channel = channels.open(address).await?;
    let mut client = ReplicationServiceClient::new(channel)
        .max_decoding_message_size(MAX_PEER_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_PEER_MESSAGE_BYTES);
    let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
    // There is room: the channel is new.
    let _ = sender.try_send(proto::PeerMessage::hello(shared.hello(peer)));
    let outbound = ReceiverStream::new(receiver).map(|message| proto::ReplicateRequest { message: Some(message) });
    let mut inbound = timeout(CONNECT_WITHIN, client.replicate(outbound))
        .await
        .map_err(|_| Status::deadline_exceeded("the peer did not answer"))?
        .inspect_err(|status| note_refusal(shared, peer, status))?
        .into_inner();
    let first = timeout(CONNECT_WITHIN, inbound.message()).await.map_err(|_| no_hello())??;
    let hello = first.and_then(|response| response.message).unwrap_or_default().read_hello()?;
    welcome(shared, hello).inspect_err(|status| note_refusal(shared, peer, status))?;
    if hello.branch != peer {
        return Err(Status::failed_precondition(format!("branch {} answers there", hello.branch)));
    }
    meet(shared, hello)?;
    let inbound = inbound.map(|response| response.map(|response| response.message));
    converse(shared, hello, inbound, sender).await
}

pub(in crate::branch) fn no_hello() -> Status {
    Status::deadline_exceeded("the peer did not say hello")
}

/// Whether a branch of that bank is of ours.
pub(in crate::branch) fn compare(shared: &Shared, branch: BranchId, bank: u64) -> Result<(), Status> {
    if bank == shared.bank() {
        return Ok(());
    }
    Err(Status::failed_precondition(format!(
        "branch {branch} is of another bank than branch {}: both need the same branches, accounts, opening balances, \
         propagation and topology",
        shared.own().branch
    )))
}

/// What a peer answers, or we to it, that is no failure of the network: it will answer the same again.
pub(in crate::branch) fn note_refusal(shared: &Shared, peer: BranchId, status: &Status) {
    if [Code::FailedPrecondition, Code::InvalidArgument, Code::PermissionDenied, Code::Unauthenticated]
        .contains(&status.code())
    {
        shared.refused_by(peer, describe(status));
    }
}

/// Whether one who dials us, and says this, is a peer of ours. Of a peer that is linked already, a stranger under
/// its name says nothing.
pub(in crate::branch) fn welcome_dialler(shared: &Shared, hello: Hello) -> Result<(), Status> {
    welcome(shared, hello).inspect_err(|status| {
        if shared.is_linked(hello.branch) && !shared.has_session(hello.branch) {
            note_refusal(shared, hello.branch, status);
        }
    })
}

/// Whether one who says this is a peer of ours.
pub(in crate::branch) fn welcome(shared: &Shared, hello: Hello) -> Result<(), Status> {
    compare(shared, hello.branch, hello.bank)?;
    let own = shared.own();
    if shared.propagation() == Propagation::Unary {
        return Err(Status::failed_precondition(format!(
            "branch {} propagates by calls and takes no streams: all branches of a bank need the same propagation",
            own.branch
        )));
    }
    if !shared.is_linked(hello.branch) {
        return Err(Status::failed_precondition(format!(
            "branches {} and {} are not linked: both need the same topology",
            hello.branch, own.branch
        )));
    }
    Ok(())
}

/// Another process of the own branch was heard of: a later one, or one that should have ended.
pub(in crate::branch) fn meet_rival(shared: &Shared, life: Incarnation) {
    shared.overtaken_by(life);
    if life < shared.own().incarnation {
        shared.claimed(Origin { incarnation: life, ..shared.own() }, shared.own().incarnation);
    }
}

/// Whether one who says this is the process that serves its branch; hears whether we are.
fn meet(shared: &Shared, hello: Hello) -> Result<(), Status> {
    shared.overtaken_by(hello.heard);
    // Of another life than this one, it is an old story.
    if let Some(life) = hello.rival.filter(|_| hello.heard == shared.own().incarnation) {
        meet_rival(shared, life);
    }
    let latest = shared.latest_life(hello.branch);
    let life = Origin { branch: hello.branch, incarnation: hello.life };
    if hello.life > latest {
        shared.began(life);
    }
    if hello.life >= latest {
        return Ok(());
    }
    if shared.claimed(life, latest) {
        // The later process learns of it in our next hello.
        shared.greet_again(hello.branch);
    }
    Err(Status::failed_precondition(format!(
        "branch {} has begun life {} since this one, {}: two processes claim it, and the earlier one must stop",
        hello.branch, latest.0, hello.life.0
    )))
}

/// The other end of [`dial`]: says hello and converses. How the conversation fails is the peer's to know.
pub(in crate::branch) async fn accept(
    shared: Arc<Shared>,
    hello: Hello,
    inbound: impl Stream<Item = Result<Option<proto::PeerMessage>, Status>> + Unpin,
    outbound: mpsc::Sender<proto::PeerMessage>,
    end: mpsc::Sender<Status>,
) {
    let peer = hello.branch;
    // There is room: the channel is new.
    let _ = outbound.try_send(proto::PeerMessage::hello(shared.hello(peer)));
    let ended = match meet(&shared, hello) {
        Ok(()) => converse(&shared, hello, inbound, outbound).await,
        overtaken @ Err(_) => overtaken,
    };
    if let Err(status) = ended {
        shared.complain(&format!("link from {peer} ended"), &status);
        // The only one: there is room. If the peer has gone, nobody is left to tell.
        let _ = end.try_send(status);
    }
}

/// One session: hands in what the peer says, and sends what the replica has for it, whenever the
/// wire has room. Ends with the stream, the session or the branch.
async fn converse(
    shared: &Shared,
    hello: Hello,
    mut inbound: impl Stream<Item = Result<Option<proto::PeerMessage>, Status>> + Unpin,
    outbound: mpsc::Sender<proto::PeerMessage>,
) -> Result<(), Status> {
    let peer = hello.branch;
    let Session { number: session, ready, mut ended } = shared.begin_session(peer, Some(hello.life))?;
    shared.accepted_by(peer);
    let _end = EndSession { shared, peer, session };
    let mut send_at: Option<Instant> = None;
    let (mut cutter, mut joiner) = (Cutter::default(), Joiner::new(shared.most_bytes()));
    let mut rung = pin!(ready.notified());
    let mut stopped = pin!(shared.stopped());
    loop {
        let now = Instant::now();
        tokio::select! {
            message = inbound.next() => {
                let Some(message) = message else { return Ok(()) };
                let Some(mut message) = joiner.take(message?.unwrap_or_default())? else { continue };
                let mark = message.mark.take().and_then(|mark| mark.read());
                let arrived = Arrived { mark, bytes: shared.measure(&message) };
                shared.awake().await;
                shared.receive(peer, session, message.read()?, Some(arrived));
            }
            end = &mut ended => return Err(ended_by(end)),
            () = &mut rung => {
                rung.set(ready.notified());
                if shared.heard(peer, session) {
                    // Whoever else is ready goes first: how long that takes tells how scarce processors are.
                    yield_now().await;
                    shared.took_turn(peer, session);
                }
                // What waits already leaves sooner if the delay has ended meanwhile.
                let at = Instant::now() + shared.delay_to(peer);
                send_at = Some(send_at.map_or(at, |earlier| earlier.min(at)));
            }
            () = sleep_until(send_at.unwrap_or(now)), if send_at.is_some_and(|at| at > now) => {}
            permit = outbound.reserve(), if cutter.has_more() || send_at.is_some_and(|at| at <= now) => {
                let Ok(permit) = permit else { return Ok(()) };
                if let Some(part) = cutter.next_part() {
                    permit.send(part);
                    continue;
                }
                let next = shared.poll_send(peer, session);
                let next = next.map(|next| (record::message(peer, &next, None), proto::PeerMessage::new(next)));
                match next {
                    Some((told, Some(message))) => {
                        let bytes = shared.measure(&message);
                        let told = || trace::Message { bytes, ..told };
                        let mark = shared.sent(told);
                        // A stream is in order, so nothing can come after what is lost.
                        if shared.loses_sent(peer, mark, told) {
                            return Err(SessionEnd::Lost.into());
                        }
                        permit.send(cutter.begin(proto::PeerMessage { mark: mark.map(Into::into), ..message }));
                    }
                    Some((_, None)) | None => send_at = None,
                }
            }
            () = &mut stopped => return Ok(()),
        }
    }
}

/// The branch itself has ended a session.
pub(in crate::branch) fn ended_by(end: Result<SessionEnd, oneshot::error::RecvError>) -> Status {
    end.map_or_else(|_| BranchError::Stopped.into(), Status::from)
}

/// Ends the session however the conversation ends, a dropped future included.
struct EndSession<'a> {
    shared: &'a Shared,
    peer: BranchId,
    session: u64,
}

impl Drop for EndSession<'_> {
    fn drop(&mut self) {
        self.shared.end_session(self.peer, self.session);
    }
}
