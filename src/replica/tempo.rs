//! How often a link sends updates. A message costs both ends far more than what it carries, so a busy link
//! lets more gather: at most one update a gap, after a few that leave at once. The gap grows with the time
//! that updates wait for processors, which is what a round trip takes beyond the shortest one seen
//! (Brakmo and Peterson 1995, TCP Vegas). So a branch whose processors are busy spends a bounded share of
//! them on its peers, however many they are, and a far peer is not taken for a busy one.

use crate::types::{Duration, Propagation, Time};

/// How many updates may leave as fast as they are taken, after a pause.
const BURST: u64 = 16;

/// The gap on a link whose updates wait for nothing.
const GAP_MIN: Duration = Duration::milliseconds(1);
/// What a link whose round trips vary for another reason, such as a jittery network, may lose by it.
const GAP_MAX: Duration = Duration::milliseconds(20);

/// How many times as long as it waited for its turn a link gives way to others.
const GIVES_WAY: u64 = 4;

/// How a replica speaks on each of its links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pace {
    pub(super) propagation: Propagation,
    /// The first wait before an unacknowledged message is sent again.
    pub(super) resend_after: Duration,
    /// How long a page is left to somebody else, before we compare versions with the peer and
    /// repair.
    pub(super) repair_after: Duration,
}

/// One link's updates in one session.
#[derive(Clone, Debug)]
pub(super) struct Tempo {
    sent_at: Time,
    /// The shortest round trip in this session.
    shortest: Duration,
    gap: Duration,
    /// When the next update would leave if every update kept its gap. The last of a burst leaves all the
    /// others' gaps earlier (the generic cell rate algorithm, ITU-T I.371).
    next_at: Time,
}

impl Tempo {
    pub(super) fn new() -> Self {
        Self { sent_at: Time(0), shortest: Duration::MAX, gap: GAP_MIN, next_at: Time(0) }
    }

    /// From when on the next update may leave.
    pub(super) fn free_at(&self) -> Time {
        Time(self.next_at.0.saturating_sub((BURST - 1) * self.gap.0))
    }

    pub(super) fn sent(&mut self, now: Time) {
        self.sent_at = now;
        self.next_at = self.next_at.max(now) + self.gap;
    }

    /// The peer has taken the update: a round trip has ended.
    pub(super) fn answered(&mut self, now: Time) {
        let trip = Duration(now.0.saturating_sub(self.sent_at.0));
        self.shortest = self.shortest.min(trip);
        let wanted = (trip.0 - self.shortest.0).saturating_mul(GIVES_WAY).clamp(GAP_MIN.0, GAP_MAX.0);
        // A quarter of the way, so that one slow update changes little.
        self.gap = Duration((3 * self.gap.0 + wanted) / 4);
    }
}
