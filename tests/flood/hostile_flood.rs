//! A peer that floods: a hundred thousand messages, and not one answer read. Memory stays bounded,
//! customers and honest peers are served meanwhile, and the log has a line, not a line a message.

use replibank::{
    types::Propagation,
    wire::proto::{self, peer_message::Kind},
};
use tonic::Code;

use crate::{
    hostile::{Bed, HONEST, HOSTILE, SERVED, delta, log_lines, receipts, update, version},
    measured::{alone, resident_bytes},
};

const MESSAGES: u64 = 100_000;

/// What the process may grow by while it is flooded: the windows of HTTP/2 and what the system's
/// allocator keeps, but nowhere near the flood, which is a kilobyte or more a message.
const GROWTH_BYTES: usize = 48 << 20;

/// Floods branch 2 from a stream whose answers nobody reads, while customers and branch 3 go on.
async fn flood(message: impl Fn(u64) -> Kind + Send + 'static) {
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut peer = bed.meet().await;
    peer.say(update(1, [delta(HOSTILE, 0, 2, &[(0, 1, 10, 0), (1, 2, 7, 5)])])).await;
    peer.acknowledged(1).await;
    let before = bed.state().await.balances;
    let size_before = resident_bytes();
    let flooded = tokio::spawn(async move {
        for number in 0..MESSAGES {
            peer.say(message(number)).await;
        }
        peer
    });
    let (mut rounds, mut largest) = (0, 0);
    while !flooded.is_finished() || rounds == 0 {
        bed.goes_on().await;
        rounds += 1;
        largest = resident_bytes().max(largest);
    }
    let mut peer = flooded.await.expect("the flood is taken");
    // What is said last is answered last.
    peer.say(update(u64::MAX, [])).await;
    peer.acknowledged(u64::MAX).await;
    largest = resident_bytes().max(largest);

    let growth = largest.saturating_sub(size_before);
    assert!(growth < GROWTH_BYTES, "the process grew by {} MiB", growth >> 20);
    assert!(rounds >= 3, "only {rounds} deposits at each branch during the flood");
    for (account, balance) in bed.state().await.balances {
        let deposits = if account.0 == 0 { 2 * rounds } else { 0 };
        assert_eq!(balance, before[&account] + deposits, "account {account}");
    }
    assert_eq!(log_lines(), []);
    bed.goes_on().await;
    bed.close().await;
}

#[tokio::test]
async fn flood_of_stale_pages_is_swallowed() {
    let _alone = alone().await;
    let stale = delta(HOSTILE, 0, 2, &[(0, 1, 10, 0), (1, 2, 7, 5)]);
    flood(move |number| update(number + 2, vec![stale.clone(); 64])).await;
}

#[tokio::test]
async fn flood_of_pages_that_do_not_fit_leaves_nothing_behind() {
    let _alone = alone().await;
    flood(|number| {
        let gap = |life| proto::Delta { incarnation: number * 32 + life, ..delta(HOSTILE, 7, 8, &[(0, 8, 9, 0)]) };
        update(number + 2, (1..=32).map(gap).collect::<Vec<_>>())
    })
    .await;
}

#[tokio::test]
async fn flood_of_receipts_for_lives_that_nobody_led_leaves_nothing_behind() {
    let _alone = alone().await;
    flood(|number| {
        let receipt = |life| proto::Receipt {
            branch: HONEST,
            origin: HOSTILE,
            incarnation: number * 32 + life,
            sequence: 1,
            life: 0,
        };
        receipts(number + 2, (1..=32).map(receipt).collect::<Vec<_>>())
    })
    .await;
}

#[tokio::test]
async fn flood_of_greetings_and_acknowledgements_is_swallowed() {
    let _alone = alone().await;
    flood(|number| {
        let version = version(&[(SERVED, 0), (HONEST, 1)].repeat(64));
        match number % 2 {
            0 => Kind::Greeting(proto::Greeting { version }),
            _ => Kind::Acknowledgement(proto::Acknowledgement { number, version }),
        }
    })
    .await;
}

#[tokio::test]
async fn flood_of_lies_is_one_line_in_the_log() {
    let _alone = alone().await;
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut peer = bed.meet().await;
    let before = bed.state().await;
    let mut said = 0;
    while said < MESSAGES && peer.try_say(Some(update(said + 1, [delta(9, 0, 1, &[(0, 1, 1, 0)])]))).await {
        said += 1;
    }
    assert_eq!(peer.ended().await.code(), Code::InvalidArgument);
    let lines = log_lines();
    assert!(matches!(&lines[..], [(log::Level::Warn, line)] if line.contains("origin 9")), "{lines:?}");
    assert_eq!(bed.state().await, before);
    bed.goes_on().await;
    bed.close().await;
}

#[tokio::test]
async fn flood_of_calls_that_lie_is_a_few_lines_in_the_log() {
    let _alone = alone().await;
    let mut bed = Bed::new(Propagation::Unary).await;
    let before = bed.state().await;
    let mut client = bed.client().await;
    for sequence in 1..=5_000 {
        let lie = delta(HOSTILE, sequence, 0, &[]);
        let request = proto::PropagateDepositRequest { delta: Some(lie), ..Default::default() };
        let refused = client.propagate_deposit(request).await.expect_err("it cannot be true");
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let lines = log_lines();
    assert!(matches!(&lines[..], [(log::Level::Warn, line)] if line.contains("ends before it begins")), "{lines:?}");
    for claimed in 2..=5_000 {
        let lie = delta(SERVED, 0, claimed, &[(0, claimed, claimed, 0)]);
        let request = proto::PropagateDepositRequest { delta: Some(lie), ..Default::default() };
        let refused = client.propagate_deposit(request).await.expect_err("it cannot be true");
        assert_eq!(refused.code(), Code::FailedPrecondition);
    }
    let lines = log_lines();
    assert!((1..=16).contains(&lines.len()), "different lies, {} lines", lines.len());
    assert_eq!(bed.state().await, before);
    bed.goes_on().await;
    bed.close().await;
}

/// Every session takes the place of the one before.
#[tokio::test]
async fn flood_of_sessions_leaves_one() {
    let _alone = alone().await;
    let mut bed = Bed::new(Propagation::Stream).await;
    let mut previous = bed.dial(bed.hello()).await.expect("a peer is welcome");
    for _ in 0..1_000 {
        let next = bed.dial(bed.hello()).await.expect("a peer is welcome");
        assert_eq!(previous.ended().await.code(), Code::Aborted);
        previous = next;
    }
    let lines = log_lines();
    assert!(lines.len() == 1, "{} lines", lines.len());
    bed.goes_on().await;
    bed.close().await;
}
