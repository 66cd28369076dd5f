//! What a branch has said of peers that misbehave. Each complaint is said once in a while, whatever
//! floods in, and there is an end to different ones too.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long a complaint is not repeated.
const WINDOW: Duration = Duration::from_secs(60);

/// The most complaints of one window.
const MAX_COMPLAINTS: usize = 16;

/// The complaints of the current window.
#[derive(Debug, Default)]
pub(in crate::branch) struct Complaints {
    began: Option<Instant>,
    said: BTreeSet<String>,
    unsaid: u64,
}

/// What to do with a complaint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::branch) enum Verdict {
    /// Say it, and that this many of the window before were not said.
    Say {
        /// Repeated, or too many.
        unsaid: u64,
    },
    /// Only count it.
    Count,
}

impl Complaints {
    pub(in crate::branch) fn judge(&mut self, now: Instant, complaint: &str) -> Verdict {
        let mut unsaid = 0;
        if self.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            unsaid = std::mem::take(self).unsaid;
            self.began = Some(now);
        }
        if self.said.contains(complaint) || self.said.len() == MAX_COMPLAINTS {
            self.unsaid += 1;
            return Verdict::Count;
        }
        self.said.insert(complaint.to_owned());
        Verdict::Say { unsaid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaint_is_said_once_a_window_and_the_rest_are_counted() {
        let (mut complaints, begin) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.judge(begin, "a"), Verdict::Say { unsaid: 0 });
        assert_eq!(complaints.judge(begin + WINDOW / 2, "a"), Verdict::Count);
        assert_eq!(complaints.judge(begin + WINDOW / 2, "b"), Verdict::Say { unsaid: 0 });
        assert_eq!(complaints.judge(begin + WINDOW, "a"), Verdict::Say { unsaid: 1 });
        assert_eq!(complaints.judge(begin + WINDOW * 5, "a"), Verdict::Say { unsaid: 0 });
    }

    #[test]
    fn different_complaints_end_too() {
        let (mut complaints, now) = (Complaints::default(), Instant::now());
        let said = (0..1000).filter(|number| complaints.judge(now, &number.to_string()) != Verdict::Count).count();
        assert_eq!(said, MAX_COMPLAINTS);
        assert_eq!(complaints.judge(now + WINDOW, "x"), Verdict::Say { unsaid: 1000 - MAX_COMPLAINTS as u64 });
    }
}
