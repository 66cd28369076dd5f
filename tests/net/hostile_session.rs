//! A peer that breaks the rules of a session: how a stream begins, how many there are, and what one
//! peer's end must not do to the others.

use replibank::{
    types::{AccountId, Propagation},
    wire::{
        Hello,
        proto::{self, peer_message::Kind},
    },
};
use tonic::{Code, Status};

use crate::hostile::{self, Bed, HONEST, HOSTILE, OPENING, SERVED, branch, delta, log_lines, soon, update, version};

fn assert_refused(refused: Result<hostile::Peer, Status>, code: Code, cause: &str) {
    let status = refused.expect_err("it is refused");
    assert_eq!(status.code(), code, "{status:?}");
    assert!(status.message().contains(cause), "{status:?}");
    let lines = log_lines();
    assert!(matches!(&lines[..], [(log::Level::Warn, line)] if line.contains(cause)), "{lines:?}");
}

#[tokio::test]
async fn stranger_is_refused_when_the_stream_begins() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let before = bed.state().await;
    let hello = |id| Hello { branch: branch(id), ..bed.hello() };
    let elsewhere = Hello { bank: bed.hello().bank ^ 1, ..bed.hello() };
    let unlinked = Code::FailedPrecondition;
    assert_refused(bed.dial(elsewhere).await, unlinked, "branch 1 is of another bank than branch 2");
    assert_refused(bed.dial(hello(9)).await, unlinked, "branches 9 and 2 are not linked");
    assert_refused(bed.dial(hello(SERVED)).await, unlinked, "branches 2 and 2 are not linked");
    let nonsense = Code::InvalidArgument;
    assert_refused(bed.dial_with(None).await, nonsense, "field kind: is missing");
    let nobody = Kind::Hello(proto::Hello { branch: 0, bank: bed.hello().bank, life: 0, heard: 0, rival: None });
    assert_refused(bed.dial_with(Some(nobody)).await, nonsense, "field branch: is 0");
    let early = update(1, [delta(HOSTILE, 0, 1, &[(0, 1, 5, 0)])]);
    assert_refused(bed.dial_with(Some(early)).await, nonsense, "is not the hello that every link begins with");
    assert_eq!(bed.state().await, before);
    bed.goes_on().await;
    bed.close().await;
}

#[tokio::test]
async fn stream_that_ends_without_a_hello_is_refused() {
    let bed = Bed::new(Propagation::Stream).await;
    let mut client = bed.client().await;
    let refused = soon("the end", client.replicate(tokio_stream::empty())).await;
    let status = refused.expect_err("it is refused");
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "the stream has no hello"));
    bed.close().await;
}

/// Otherwise streams that say nothing would gather for ever.
#[tokio::test]
async fn stream_that_says_no_hello_for_long_is_ended() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut client = bed.client().await;
    let ended = soon("the end", client.replicate(tokio_stream::pending())).await;
    let status = ended.expect_err("it is ended");
    assert_eq!((status.code(), status.message()), (Code::DeadlineExceeded, "the peer did not say hello"));
    let lines = log_lines();
    assert!(matches!(&lines[..], [(log::Level::Info, line)] if line.contains("did not say hello")), "{lines:?}");
    bed.goes_on().await;
    bed.close().await;
}

#[tokio::test]
async fn second_session_of_a_peer_takes_the_place_of_the_first() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut first = bed.meet().await;
    let mut second = bed.meet().await;
    let status = first.ended().await;
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    assert!(status.message().contains("another session"), "{status:?}");
    bed.goes_on().await;
    let Ok(Some(Kind::Update(news))) = second.hear().await else { panic!("the second hears nothing") };
    assert!(news.deltas.iter().any(|delta| delta.origin == SERVED || delta.origin == HONEST), "{news:?}");
    bed.close().await;
}

/// The first session may be half open: its peer neither reads nor writes any more.
#[tokio::test]
async fn hundred_silent_sessions_do_not_keep_the_news_from_the_last_one() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(bed.dial(bed.hello()).await.expect("a peer is welcome"));
    }
    let mut last = bed.meet().await;
    bed.goes_on().await;
    let heard = last.hear().await;
    assert!(matches!(&heard, Ok(Some(Kind::Update(_)))), "{heard:?}");
    for mut session in silent {
        assert_eq!(session.ended().await.code(), Code::Aborted);
    }
    bed.close().await;
}

/// A bank of calls has no streams. One that began would take the place of the calls to that peer, and
/// they would never go on.
#[tokio::test]
async fn stream_to_a_bank_that_propagates_by_calls_is_refused() {
    let mut bed = Bed::new(Propagation::Unary).await;
    let posing = Hello { branch: branch(HONEST), ..bed.hello() };
    assert_refused(bed.dial(posing).await, Code::FailedPrecondition, "propagates by calls");
    bed.goes_on().await;
    bed.close().await;
}

/// The other way round: who only calls hears nothing, so a call to a bank of streams is half a link.
#[tokio::test]
async fn call_to_a_bank_that_propagates_by_streams_is_refused() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut client = bed.client().await;
    let before = bed.state().await;
    let operation = proto::PropagatedOperation { origin: HOSTILE, sequence: 1, amount: 5, ..Default::default() };
    let page = delta(HOSTILE, 0, 1, &[(0, 1, 5, 0)]);
    for (operation, delta) in [(Some(operation), None), (None, Some(page))] {
        let call = proto::PropagateDepositRequest { operation, delta, ..Default::default() };
        let status = soon("a call", client.propagate_deposit(call)).await.expect_err("it is refused");
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert!(status.message().contains("has stream propagation and takes no calls"), "{status:?}");
    }
    assert_eq!(bed.state().await, before);
    assert_eq!(log_lines().len(), 1);
    bed.goes_on().await;
    bed.close().await;
}

/// A branch takes no writes if all who answered refuse it. Whoever only takes the name of a peer must not bring that
/// about.
#[tokio::test]
async fn stranger_under_the_name_of_a_linked_peer_stops_no_writes() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let posing = Hello { branch: branch(HONEST), bank: bed.hello().bank ^ 1, ..bed.hello() };
    assert_refused(bed.dial(posing).await, Code::FailedPrecondition, "of another bank");
    bed.goes_on().await;
    bed.close().await;
}

/// What a branch owes to others when a link ends must reach them, also if it ended by a fault.
#[tokio::test]
async fn end_of_one_link_by_a_fault_is_told_to_the_others() {
    let mut bed = Bed::new(Propagation::Stream).await;
    // Branch 3 cannot reach 1: the receipt that 1 asks for goes this way or none.
    let mut peer = bed.meet().await;
    let wish = proto::Delta { confirm_through: 1, ..delta(HOSTILE, 0, 1, &[(0, 1, 5, 0)]) };
    peer.say(update(1, [wish])).await;
    peer.acknowledged(1).await;
    let page = [(hostile::origin(HOSTILE), 1)].into_iter().collect();
    soon("the page", bed.honest.reached(&page)).await.expect("it goes on");

    peer.say(update(2, [delta(9, 0, 1, &[])])).await;
    assert_eq!(peer.ended().await.code(), Code::InvalidArgument);
    // The link to 3 was idle, and must be awake again.
    bed.goes_on().await;
    bed.goes_on().await;
    let seen = bed.honest.status().await.expect("it serves").snapshot.balances[&AccountId::DEFAULT];
    assert_eq!(seen, OPENING + 5 + 6);
    bed.close().await;
}

/// A peer that greets, acknowledges and then claims less than it had is only told again.
#[tokio::test]
async fn peer_that_forgets_is_told_again() {
    let bed = Bed::new(Propagation::Stream).await;
    let mut peer = bed.meet().await;
    for _ in 0..3 {
        peer.say(Kind::Greeting(proto::Greeting { version: version(&[]) })).await;
        let mut told = 0;
        while told < 2 {
            match peer.hear().await.expect("the stream goes on") {
                Some(Kind::Update(update)) => {
                    told += update.deltas.len();
                    let has = update.deltas.iter().map(|delta| (delta.origin, delta.sequence)).collect::<Vec<_>>();
                    let (number, version) = (update.number, version(&has));
                    peer.say(Kind::Acknowledgement(proto::Acknowledgement { number, version })).await;
                }
                Some(Kind::Acknowledgement(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(log_lines(), []);
    bed.close().await;
}
