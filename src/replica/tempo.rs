//! How often a link sends updates. A message costs both ends far more than what it carries, so a busy link
//! lets more gather: at most one update a gap, after a few that leave at once. The gap grows with the time
//! that the branch's links wait for a processor. So where processors are busy, a bounded share of them goes
//! to links, however many they are; and neither a far peer nor a jittery network, which a round trip would not
//! tell from it, is taken for a busy one.

use crate::types::{Duration, Propagation, Time};

/// How many updates may leave as fast as they are taken, after a pause.
const BURST: u64 = 4;

/// The gap on a link whose updates wait for nothing.
const GAP_MIN: Duration = Duration::milliseconds(1);
/// The longest that a busy branch keeps its peers waiting.
const GAP_MAX: Duration = Duration::milliseconds(200);

/// How long a link waits for each that wants a processor before it, about.
const TURN: Duration = Duration(150);

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
    gap: Duration,
    /// When the next update would leave if every update kept its gap. The last of a burst leaves all the
    /// others' gaps earlier (the generic cell rate algorithm, ITU-T I.371).
    next_at: Time,
}

impl Tempo {
    pub(super) fn new() -> Self {
        Self { gap: GAP_MIN, next_at: Time(0) }
    }

    /// From when on the next update may leave.
    pub(super) fn free_at(&self) -> Time {
        Time(self.next_at.0.saturating_sub((BURST - 1) * self.gap.0))
    }

    pub(super) fn sent(&mut self, now: Time) {
        // What somebody waits for leaves before it may: that is made up for by no more than one gap.
        let latest = now + Duration((BURST - 1) * self.gap.0);
        self.next_at = self.next_at.clamp(now, latest) + self.gap;
    }

    /// How long further updates keep apart from each other.
    pub(super) fn keep(&mut self, now: Time, gap: Duration) {
        // What has been sent counts as so many gaps, of whatever length.
        let ahead = self.next_at.0.saturating_sub(now.0);
        self.next_at = Time(self.next_at.0 - ahead + ahead * gap.0 / self.gap.0);
        self.gap = gap;
    }
}

/// How scarce a branch's processors are.
#[derive(Clone, Debug)]
pub(super) struct Busy {
    /// How long its links give way, as far as is known.
    gap: Duration,
}

impl Busy {
    pub(super) fn new() -> Self {
        Self { gap: GAP_MIN }
    }

    /// A link has waited so long for its turn; returns the gap to keep. If n want a processor before it, the link
    /// sends once in n * n such waits: so the more there are, the smaller is the share of all that links take, and
    /// where one or two are, the gap stays short. A turn that was late adds a fifth at most, and one that was early
    /// takes a fourteenth: so the gap follows what three in ten turns exceed, and a few late turns in a row, which
    /// any busy hour brings, change little.
    pub(super) fn waited(&mut self, wait: Duration) -> Duration {
        let ahead = wait.0 / TURN.0;
        let wanted = wait.0.saturating_mul(ahead.saturating_mul(ahead));
        let wanted = wanted.clamp(self.gap.0 * 13 / 14, self.gap.0 * 6 / 5);
        self.gap = Duration(wanted.clamp(GAP_MIN.0, GAP_MAX.0));
        self.gap
    }
}
