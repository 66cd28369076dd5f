//! Unary propagation to one peer: one call per operation, as the course has it. The first call
//! opens the connection, so that a bank which is not used needs none.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tonic::{Code, Status, transport::Channel};

use super::link::{self, Backoff, ended_by};
use crate::{
    branch::{
        connection::channels::Channels,
        error::{SessionEnd, describe, level},
        shared::{Arrived, Session, Shared},
    },
    record,
    replica::{Call, Delta, PeerMessage},
    types::{BranchId, Incarnation, Origin},
    wire::{
        self, MAX_PEER_MESSAGE_BYTES, PropagateRequest,
        proto::{self, bank_service_client::BankServiceClient, replication_service_client::ReplicationServiceClient},
    },
};

/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(5);

/// Tells `peer` of every operation until the branch stops.
pub(in crate::branch) async fn run(shared: Arc<Shared>, peer: BranchId, address: String, channels: Arc<Channels>) {
    let mut backoff = Backoff::new();
    // In the first life of a whole bank, there is nothing that one could have missed.
    let mut known = if shared.own().incarnation == Incarnation(0) { Known::Nothing } else { Known::TellThatWeAreBack };
    let mut last_failure = String::new();
    let mut faults = shared.changing_faults();
    loop {
        shared.mended(peer).await;
        let failure = match shared.begin_session(peer, None) {
            Err(cut) => cut.into(),
            Ok(Session { number, ready, ended }) => {
                let failure = tokio::select! {
                    failure = converse(&shared, (peer, number), &ready, &address, &channels, &mut known, &mut backoff) => {
                        link::note_refusal(&shared, peer, &failure);
                        failure
                    }
                    end = ended => ended_by(end),
                    () = shared.stopped() => return shared.end_session(peer, number),
                };
                shared.end_session(peer, number);
                failure
            }
        };
        let (failure, level) = (describe(&failure), level(&failure));
        if failure != last_failure {
            log::log!(level, "branch {}: calls to {peer} at {address}: {failure}; trying again", shared.own().branch);
            last_failure = failure;
        }
        tokio::select! {
            () = sleep(backoff.next()) => {}
            // What failed because of a fault may not fail any more.
            _ = faults.changed() => backoff = Backoff::new(),
            () = shared.stopped() => return,
        }
    }
}

/// How the replica's greeting is answered.
enum Known {
    /// We have never called: take it that the peer has nothing. Pages are cumulative, so this is
    /// right in any case, and for a bank that just starts it saves a call to every peer.
    Nothing,
    /// The same, but the peer must look at what we have: it may think that it told us everything.
    TellThatWeAreBack,
    /// Ask the peer for its version.
    Ask,
}

/// Sends until something fails, or for ever if the session ends.
async fn converse(
    shared: &Shared,
    (peer, session): (BranchId, u64),
    ready: &Notify,
    address: &str,
    channels: &Channels,
    known: &mut Known,
    backoff: &mut Backoff,
) -> Status {
    // Whoever answers the first call of a session is who is meant by it.
    let mut life = None;
    loop {
        let Some(message) = shared.poll_send(peer, session) else {
            ready.notified().await;
            continue;
        };
        let answered = match message {
            PeerMessage::Greeting { .. } if shared.loses(peer) => Err(SessionEnd::Lost.into()),
            PeerMessage::Greeting { .. } => {
                greet(shared, peer, channels, address, known).await.map(|(version, by)| (0, version, by, None))
            }
            PeerMessage::Call(call) => {
                shared.hold_back_to(peer).await;
                match channels.to(address).await {
                    Ok(channel) => {
                        let told = tell(shared, peer, channel, &call).await;
                        told.map(|(version, by, arrived)| (call.number, version, by, Some(arrived)))
                    }
                    Err(status) => Err(status),
                }
            }
            // Sessions of calls have no inbound half, so the replica owes nothing, and it sends
            // updates on streams only.
            PeerMessage::Update(_) | PeerMessage::Acknowledgement { .. } => continue,
        };
        let (number, version, by, arrived) = match answered {
            Ok(answer) => answer,
            Err(status) => return status,
        };
        match (life, by) {
            (Some(known), Some(by)) if known != by => return Status::aborted("another life of the peer answers"),
            _ => life = life.or(by),
        }
        shared.hold_back_from(peer).await;
        if shared.loses_answer(peer, arrived) {
            return SessionEnd::Lost.into();
        }
        if arrived.is_some() {
            shared.accepted_by(peer);
        }
        if shared.receive(peer, session, PeerMessage::Acknowledgement { number, version }, arrived) {
            *backoff = Backoff::new();
        }
    }
}

/// What the peer has, as far as we must know to begin.
async fn greet(
    shared: &Shared,
    peer: BranchId,
    channels: &Channels,
    address: &str,
    known: &mut Known,
) -> Result<(Vec<(Origin, u64)>, Option<Incarnation>), Status> {
    let mut has = (Vec::new(), None);
    match known {
        Known::Nothing => {}
        Known::TellThatWeAreBack => {
            // A branch that is served alone does not know yet whether its peers are of its bank.
            has = ask(shared, channels.to(address).await?).await?;
            let (_, _, arrived) = tell(shared, peer, channels.to(address).await?, &nothing(shared)).await?;
            shared.acknowledged(peer, arrived);
        }
        Known::Ask => return ask(shared, channels.to(address).await?).await,
    }
    *known = Known::Ask;
    Ok(has)
}

/// A call that only says who calls.
pub(in crate::branch) fn nothing(shared: &Shared) -> Call {
    let (origin, entries, past) = (shared.own(), Vec::new(), Vec::new());
    Call {
        number: 0,
        operation: None,
        delta: Delta { origin, base: 0, sequence: 0, entries, confirm_through: 0, past },
    }
}

async fn within<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    timeout(CALL_WITHIN, call).await.unwrap_or_else(|_| Err(Status::deadline_exceeded("the peer did not answer")))
}

/// The peer's version and life, if it is of our bank. A plain peer may have no status call: then it gets every
/// page anew.
pub(in crate::branch) async fn ask(
    shared: &Shared,
    channel: Channel,
) -> Result<(Vec<(Origin, u64)>, Option<Incarnation>), Status> {
    let mut client = BankServiceClient::new(channel).max_decoding_message_size(MAX_PEER_MESSAGE_BYTES);
    match within(client.status(proto::StatusRequest {})).await {
        Ok(response) => {
            let status = wire::Status::try_from(response.get_ref())?;
            if status.bank != 0 {
                link::compare(shared, status.origin.branch, status.bank)?;
            }
            Ok((wire::entries(&status.snapshot.version), Some(status.origin.incarnation)))
        }
        Err(status) if status.code() == Code::Unimplemented => Ok((Vec::new(), None)),
        Err(status) => Err(status),
    }
}

/// One call; returns how far the peer has the page, in which life it is, and what came with that answer.
pub(in crate::branch) async fn tell(
    shared: &Shared,
    peer: BranchId,
    channel: Channel,
    call: &Call,
) -> Result<(Vec<(Origin, u64)>, Option<Incarnation>, Arrived), Status> {
    let mut client = ReplicationServiceClient::new(channel).max_encoding_message_size(MAX_PEER_MESSAGE_BYTES);
    let mark = |bytes| {
        let message = || record::call(peer, &call.delta, bytes);
        let mark = shared.sent(message);
        if shared.loses_sent(peer, mark, message) { Err(SessionEnd::Lost) } else { Ok(mark.map(Into::into)) }
    };
    let page = call.delta.origin;
    let overtaken_by = shared.later_life().filter(|_| page == shared.own()).map(|life| life.0);
    let (sequence, life, rival, mark, bytes) = match PropagateRequest::new(call) {
        PropagateRequest::Deposit(mut request) => {
            request.overtaken_by = overtaken_by;
            request.mark = mark(shared.measure(&request))?;
            let mut response = within(client.propagate_deposit(request)).await?.into_inner();
            (response.sequence, response.incarnation, response.rival, response.mark.take(), shared.measure(&response))
        }
        PropagateRequest::Withdraw(mut request) => {
            request.overtaken_by = overtaken_by;
            request.mark = mark(shared.measure(&request))?;
            let mut response = within(client.propagate_withdraw(request)).await?.into_inner();
            (response.sequence, response.incarnation, response.rival, response.mark.take(), shared.measure(&response))
        }
    };
    if let Some(rival) = rival.filter(|_| page == shared.own()) {
        link::meet_rival(shared, Incarnation(rival));
    }
    let mark = mark.and_then(|mark| mark.read());
    Ok((vec![(call.delta.origin, sequence)], life.map(Incarnation), Arrived { mark, bytes }))
}
