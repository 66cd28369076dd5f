//! A peer that lies, through both doors of a real branch: what cannot be true is refused with a
//! status that says so and one line in the log, and harms nobody. What is merely old is ignored.

use replibank::{
    types::{MAX_AMOUNT, Propagation},
    wire::{
        MAX_PEER_MESSAGE_BYTES, most_bytes,
        proto::{self, peer_message::Kind},
    },
};
use tonic::Code;

use crate::hostile::{self, Bed, HONEST, HOSTILE, SERVED, delta, log_lines, receipts, soon, update, version};

/// The page of the hostile branch, as it told it while it was honest: two deposits.
fn page() -> proto::Delta {
    delta(HOSTILE, 0, 2, &[(0, 1, 10, 0), (1, 2, 7, 5)])
}

/// What no page can say, and what it is called. Each stands on its own.
fn false_deltas() -> Vec<(proto::Delta, Code, &'static str)> {
    use Code::{FailedPrecondition as Contradiction, InvalidArgument as Nonsense};
    let with = |base: proto::Delta, change: fn(&mut proto::Delta)| {
        let mut delta = base;
        change(&mut delta);
        delta
    };
    vec![
        (delta(9, 0, 1, &[(0, 1, 5, 0)]), Nonsense, "origin 9 is no branch of this bank"),
        (delta(0, 0, 1, &[(0, 1, 5, 0)]), Nonsense, "field origin: is 0, and branch ids begin at 1"),
        (delta(HOSTILE, 2, 3, &[(77, 3, 1, 0)]), Nonsense, "names account 77, which this bank does not have"),
        (delta(HOSTILE, 2, 3, &[(0, 3, 9, 0)]), Contradiction, "the totals of account 0 shrank"),
        (delta(HOSTILE, 2, 3, &[(0, 3, 10, 0)]), Contradiction, "the totals of account 0 shrank"),
        (delta(HOSTILE, 1, 2, &[(1, 2, 8, 5)]), Contradiction, "sequence 2 of account 1 came with two contents"),
        (delta(HOSTILE, 0, 2, &[(1, 2, 7, 5)]), Contradiction, "sequence 1 of account 0 came with two contents"),
        (delta(SERVED, 0, 9, &[(0, 9, 9, 0)]), Contradiction, "has this branch's own page up to 9, but only 1"),
        (delta(SERVED, 0, 1, &[(0, 1, 2, 0)]), Contradiction, "page 2: sequence 1 of account 0 came with two contents"),
        (delta(HOSTILE, 5, 4, &[]), Nonsense, "it ends before it begins"),
        (with(page(), |delta| delta.confirm_through = 3), Nonsense, "it ends before it begins"),
        (delta(HOSTILE, 2, 4, &[(0, 3, 11, 0)]), Nonsense, "no entry is of its last operation"),
        (delta(HOSTILE, 2, 3, &[]), Nonsense, "no entry is of its last operation"),
        (delta(HOSTILE, 2, 3, &[(1, 2, 7, 5), (0, 3, 11, 0)]), Nonsense, "sequence is out of its range"),
        (delta(HOSTILE, 2, 4, &[(0, 4, 11, 0), (1, 3, 8, 5)]), Nonsense, "its entries are out of order"),
        (delta(HOSTILE, 2, 4, &[(0, 3, 11, 0), (0, 4, 12, 0)]), Nonsense, "it has two entries of one account"),
        (delta(HOSTILE, 2, 3, &[(0, 3, MAX_AMOUNT + 1, 0)]), Nonsense, "a total is above its limit"),
        (delta(HOSTILE, 2, 3, &[(0, 3, u64::MAX, u64::MAX)]), Nonsense, "a total is above its limit"),
        (delta(HOSTILE, 2, u64::MAX, &[(0, u64::MAX, 11, 0)]), Nonsense, "its sequence is above any limit"),
    ]
}

/// Whatever else a stream may carry and cannot be true.
fn false_messages() -> Vec<(Option<Kind>, Code, &'static str)> {
    use Code::{FailedPrecondition as Contradiction, InvalidArgument as Nonsense};
    let receipt = |branch, origin, sequence| proto::Receipt { branch, origin, incarnation: 0, sequence, life: 0 };
    let greeting = |entries: &[(u32, u64)]| Kind::Greeting(proto::Greeting { version: version(entries) });
    let acknowledgement = |number, entries: &[(u32, u64)]| {
        Kind::Acknowledgement(proto::Acknowledgement { number, version: version(entries) })
    };
    let hello = Kind::Hello(proto::Hello { branch: HOSTILE, bank: 0, life: 0, heard: 0, rival: None });
    vec![
        (None, Nonsense, "field kind: is missing"),
        (Some(hello), Nonsense, "field kind: is a second hello"),
        (Some(greeting(&[(SERVED, 99)])), Contradiction, "own page up to 99, but only 1 were written"),
        (Some(greeting(&[(HONEST, 1), (8, 1)])), Nonsense, "origin 8 is no branch of this bank"),
        (Some(greeting(&[(0, 1)])), Nonsense, "field origin: is 0"),
        (Some(acknowledgement(0, &[(SERVED, 99)])), Contradiction, "own page up to 99, but only 1 were written"),
        (Some(acknowledgement(7, &[(8, 1)])), Nonsense, "origin 8 is no branch of this bank"),
        (Some(receipts(2, [receipt(HOSTILE, 8, 1)])), Nonsense, "origin 8 is no branch of this bank"),
        (Some(receipts(2, [receipt(8, HONEST, 1)])), Nonsense, "origin 8 is no branch of this bank"),
        (Some(receipts(2, [receipt(0, HONEST, 1)])), Nonsense, "field branch: is 0"),
    ]
}

/// One line that names the cause, and no other.
fn assert_logged_once(cause: &str) {
    let lines = log_lines();
    let named = lines.iter().filter(|(level, line)| *level == log::Level::Warn && line.contains(cause)).count();
    assert!(named == 1 && lines.len() == 1, "{cause:?} belongs in one warning: {lines:?}");
}

#[tokio::test]
async fn what_cannot_be_true_ends_the_stream_with_a_status_and_harms_nobody() {
    let deltas = false_deltas().into_iter().map(|(delta, code, cause)| (Some(update(2, [delta])), code, cause));
    for (lie, code, cause) in deltas.chain(false_messages()) {
        let mut bed = Bed::new(Propagation::Stream).await;
        let mut peer = bed.meet().await;
        peer.say(update(1, [page()])).await;
        peer.acknowledged(1).await;
        let before = bed.state().await;
        assert_eq!(log_lines(), [], "an honest peer is no news");

        peer.try_say(lie.clone()).await;
        let status = peer.ended().await;
        assert_eq!(status.code(), code, "{lie:?}: {status:?}");
        assert!(status.message().contains(cause), "{lie:?}: {status:?}");
        assert_eq!(bed.state().await, before, "{lie:?}");
        assert_logged_once(cause);
        bed.goes_on().await;
        drop(bed.meet().await);
        bed.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_true_in_a_call_is_refused_with_a_status_and_harms_nobody() {
    use Code::InvalidArgument as Nonsense;
    let repair = |(delta, code, cause)| ((None, Some(delta)), code, cause);
    let operation = |origin, sequence, account, amount| {
        (Some(proto::PropagatedOperation { origin, incarnation: 0, sequence, account, amount }), None)
    };
    let other = (operation(HOSTILE, 3, 0, 1).0, Some(delta(HONEST, 0, 1, &[(0, 1, 1, 0)])));
    let calls = [
        ((None, None), Nonsense, "field operation: is missing"),
        (other, Nonsense, "its operation is another origin's"),
        (operation(0, 3, 0, 1), Nonsense, "field origin: is 0"),
        (operation(9, 1, 0, 1), Nonsense, "origin 9 is no branch of this bank"),
        (operation(HOSTILE, 0, 0, 1), Nonsense, "field operation.sequence: is 0"),
        (operation(HOSTILE, 3, 0, 0), Nonsense, "field operation.amount: amount 0 is out of range"),
        (operation(HOSTILE, 3, 0, u64::MAX), Nonsense, "is out of range"),
        (operation(HOSTILE, 3, 77, 1), Nonsense, "names account 77, which this bank does not have"),
        (operation(HOSTILE, 3, 0, MAX_AMOUNT), Nonsense, "a total is above its limit"),
        (operation(SERVED, 3, 0, 1), Code::FailedPrecondition, "own page up to 3, but only 2 were written"),
    ];
    for ((operation, delta), code, cause) in false_deltas().into_iter().map(repair).chain(calls) {
        let mut bed = Bed::new(Propagation::Unary).await;
        let mut client = bed.client().await;
        let told = proto::PropagateDepositRequest { delta: Some(page()), ..Default::default() };
        client.propagate_deposit(told).await.expect("an honest call");
        if code == Code::FailedPrecondition && operation.is_some() {
            bed.goes_on().await;
        }
        let before = bed.state().await;
        assert_eq!(log_lines(), [], "an honest peer is no news");

        let lie = format!("{operation:?}, {delta:?}");
        let request = proto::PropagateDepositRequest { operation, delta, ..Default::default() };
        let status = soon("a call", client.propagate_deposit(request)).await.expect_err(&lie);
        assert_eq!(status.code(), code, "{lie}: {status:?}");
        assert!(status.message().contains(cause), "{lie}: {status:?}");
        assert_eq!(bed.state().await, before, "{lie}");
        assert_logged_once(cause);
        bed.goes_on().await;
        bed.close().await;
    }
}

/// What says nothing that a branch with [`page`] does not have, or cannot use yet.
fn stale_pages() -> Vec<proto::Delta> {
    vec![
        page(),
        delta(HOSTILE, 0, 1, &[(0, 1, 10, 0)]),
        delta(HOSTILE, 1, 2, &[(1, 2, 7, 5)]),
        delta(HOSTILE, 2, 2, &[]),
        // Beyond what is known here: something between is missing.
        delta(HOSTILE, 7, 8, &[(0, 8, 90, 0)]),
        delta(SERVED, 0, 1, &[(0, 1, 1, 0)]),
    ]
}

#[tokio::test]
async fn stale_and_repeated_pages_are_ignored_in_silence() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut peer = bed.meet().await;
    peer.say(update(1, [page()])).await;
    let has = peer.acknowledged(1).await;
    let before = bed.state().await;
    for (number, delta) in (2..).zip(stale_pages()) {
        peer.say(update(number, [delta.clone()])).await;
        let answer = peer.acknowledged(number).await;
        if delta.origin == HOSTILE {
            assert_eq!(answer, has, "{delta:?}");
        }
    }
    assert_eq!(bed.state().await, before);
    assert_eq!(log_lines(), []);
    bed.goes_on().await;
    bed.close().await;
}

#[tokio::test]
async fn stale_and_repeated_calls_are_ignored_in_silence() {
    let mut bed = Bed::new(Propagation::Unary).await;
    let mut client = bed.client().await;
    let told = proto::PropagateDepositRequest { delta: Some(page()), ..Default::default() };
    client.propagate_deposit(told).await.expect("an honest call");
    let before = bed.state().await;
    for delta in stale_pages() {
        let told = proto::PropagateWithdrawRequest { delta: Some(delta.clone()), ..Default::default() };
        let answer = client.propagate_withdraw(told).await.expect("what is old is no fault");
        if delta.origin == HOSTILE {
            assert_eq!(answer.get_ref().sequence, 2, "{delta:?}");
        }
    }
    // The operation was counted before; the last one leaves a gap.
    for (sequence, amount) in [(1, 10), (2, 7), (2, 9999), (5, 1)] {
        let operation = proto::PropagatedOperation { origin: HOSTILE, sequence, amount, ..Default::default() };
        let told = proto::PropagateDepositRequest { operation: Some(operation), ..Default::default() };
        let answer = client.propagate_deposit(told).await.expect("what is old is no fault");
        assert_eq!(answer.get_ref().sequence, 2);
    }
    assert_eq!(bed.state().await, before);
    assert_eq!(log_lines(), []);
    bed.goes_on().await;
    bed.close().await;
}

#[tokio::test]
async fn acknowledgements_and_receipts_that_nobody_waits_for_are_ignored_in_silence() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut peer = bed.meet().await;
    let before = bed.state().await;
    for (number, sequence) in [(0, 1), (1, 0), (77, 1), (u64::MAX, 0)] {
        let version = version(&[(SERVED, sequence), (HONEST, u64::MAX), (HONEST, 0)]);
        peer.say(Kind::Acknowledgement(proto::Acknowledgement { number, version })).await;
    }
    let receipt = |branch, origin, sequence| proto::Receipt { branch, origin, incarnation: 0, sequence, life: 0 };
    let unasked = [receipt(HOSTILE, SERVED, 1), receipt(HONEST, HOSTILE, 1), receipt(SERVED, HONEST, 1)];
    peer.say(receipts(5, unasked)).await;
    peer.say(Kind::Greeting(proto::Greeting { version: version(&[]) })).await;
    peer.acknowledged(0).await;
    assert_eq!(bed.state().await, before);
    assert_eq!(log_lines(), []);
    bed.goes_on().await;
    bed.close().await;
}

/// A receipt is hearsay: who passes it on cannot check it. So it is not held against the messenger,
/// or one liar could break every link of an honest branch.
#[tokio::test]
async fn false_receipt_does_not_break_the_link_of_the_honest_branch_that_passes_it_on() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut peer = bed.meet().await;
    let claim = proto::Receipt { branch: HOSTILE, origin: HONEST, incarnation: 0, sequence: 1 << 40, life: 0 };
    peer.say(receipts(1, [claim])).await;
    peer.acknowledged(1).await;
    for _ in 0..3 {
        bed.goes_on().await;
    }
    assert_eq!(log_lines(), []);
    assert!(
        bed.honest
            .status()
            .await
            .expect("it serves")
            .links
            .iter()
            .any(|link| link.peer == hostile::branch(SERVED) && link.connected)
    );
    bed.close().await;
}

#[tokio::test]
async fn oversized_message_is_refused_at_both_doors() {
    let mut bed = Bed::new(Propagation::Stream).await;
    let entry = (0, u64::MAX, u64::MAX, u64::MAX);
    let huge = delta(HOSTILE, 0, 1, &vec![entry; MAX_PEER_MESSAGE_BYTES / 30]);
    let mut peer = bed.meet().await;
    let before = bed.state().await;
    peer.try_say(Some(update(1, [huge.clone()]))).await;
    let status = peer.ended().await;
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert!(status.message().contains("too large"), "{status:?}");
    assert_logged_once("too large");

    let mut client = bed.client().await;
    let request = proto::PropagateDepositRequest { delta: Some(huge), ..Default::default() };
    let status = soon("a call", client.propagate_deposit(request)).await.expect_err("it is too large");
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    assert_logged_once("too large");
    assert_eq!(bed.state().await, before);
    bed.goes_on().await;
    bed.close().await;
}

/// A large message travels in parts. Those of a message that this bank cannot have are refused before they fill the
/// memory.
#[tokio::test]
async fn parts_of_what_is_no_message_of_this_bank_end_the_stream() {
    const PART_BYTES: usize = 1 << 20;
    let part = |bytes, is_last| Kind::Part(proto::Part { data: vec![0; bytes], is_last });
    let greeting = || Kind::Greeting(proto::Greeting { version: version(&[]) });
    let endless = std::iter::repeat_with(|| part(PART_BYTES, false)).take(most_bytes(2) / PART_BYTES + 1);
    let lies = [
        (endless.collect(), "field part: is beyond the"),
        (vec![part(0, false)], "field part: is empty"),
        (vec![part(1, false), greeting()], "field kind: comes between the parts of another message"),
        (vec![part(1, true)], "field part: is the last of no message"),
    ];
    for (lie, cause) in lies {
        let mut bed = Bed::new(Propagation::Stream).await;
        let mut peer = bed.meet().await;
        let before = bed.state().await;
        for message in lie {
            peer.try_say(Some(message)).await;
        }
        let status = peer.ended().await;
        assert_eq!(status.code(), Code::InvalidArgument, "{cause}: {status:?}");
        assert!(status.message().contains(cause), "{cause}: {status:?}");
        assert_eq!(bed.state().await, before, "{cause}");
        assert_logged_once(cause);
        bed.goes_on().await;
        bed.close().await;
    }
}
