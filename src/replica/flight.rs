//! What a link has sent, and what its peer is known to have.
//!
//! What is sent counts as known at once, so that the next update begins where the last one ended. On a
//! transport that loses nothing while a session lasts this is so; on any other, one update is under way at
//! most, and if it is not answered in time, what it was to bring about is taken back.

use std::collections::{BTreeSet, VecDeque};

use super::{ledger::Ledger, page::PageIndex};
use crate::types::{BranchId, Origin};

/// What the peer has of one page, at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Known {
    pub(super) sequence: u64,
    /// Up to where it knows that the origin wants receipts.
    pub(super) confirm_through: u64,
}

/// One page in something that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Carried {
    index: PageIndex,
    before: Known,
    after: Known,
}

/// What was sent and is not yet acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
struct InFlight {
    number: u64,
    pages: Vec<Carried>,
    /// Where the cursor stood before.
    cursor: u64,
    /// Whether it carries the first of the operations that wait for a call.
    carries_operation: bool,
    /// Which receipts it carries.
    receipts: Vec<ReceiptKey>,
}

/// What a peer's version has shown.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// What it has that is not here.
    pub(super) ahead: Vec<(Origin, u64)>,
    /// Whether more was taken for known than is certain: of a life that is not known here, nobody here knows what it
    /// stands on, so the peer is taken to have all of its branch's earlier ones, until versions are compared again.
    pub(super) presumes: bool,
}

/// Whose page a receipt is for, and which branch has it.
pub(super) type ReceiptKey = (Origin, BranchId);

/// What an acknowledgement says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Taken {
    /// Whether the first of the operations that wait for a call has arrived.
    pub(super) operation: bool,
    /// The peer has lost something that it was thought to have.
    pub(super) lost: bool,
    /// It denies to have what it was just sent, although it had what it needed to take it.
    pub(super) denied: bool,
}

/// One link's in one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Flights {
    /// Of each page of the ledger; what is not here yet, the peer does not have.
    known: Vec<Known>,
    under_way: VecDeque<InFlight>,
    last_number: u64,
    /// Up to which change of the ledger the peer has been told.
    pub(super) cursor: u64,
}

impl Flights {
    pub(super) fn count(&self) -> usize {
        self.under_way.len()
    }

    pub(super) fn known(&self, index: PageIndex) -> Known {
        self.known.get(index).copied().unwrap_or_default()
    }

    fn known_mut(&mut self, index: PageIndex) -> &mut Known {
        if self.known.len() <= index {
            self.known.resize(index + 1, Known::default());
        }
        &mut self.known[index]
    }

    /// The peer itself told us this much of the page.
    pub(super) fn raise(&mut self, index: PageIndex, Known { sequence, confirm_through }: Known) {
        let known = self.known_mut(index);
        known.sequence = sequence.max(known.sequence);
        known.confirm_through = confirm_through.max(known.confirm_through);
    }

    /// The peer says how far it has these pages: it knows best, even if that is less than we thought.
    fn set(&mut self, version: &[(Origin, u64)], ledger: &Ledger) {
        for &(origin, sequence) in version {
            if let Some(index) = ledger.find(origin) {
                self.known_mut(index).sequence = sequence;
            }
        }
    }

    /// The peer's whole version: every page is to be looked at again.
    pub(super) fn learn(&mut self, version: &[(Origin, u64)], ledger: &Ledger) -> Learned {
        self.known.iter_mut().for_each(|known| known.sequence = 0);
        let mut learned = Learned::default();
        for &(origin, sequence) in version {
            let known = ledger.find(origin);
            if sequence > known.map_or(0, |index| ledger.page(index).sequence) {
                learned.ahead.push((origin, sequence));
            }
            match known {
                Some(index) => {
                    self.known_mut(index).sequence = sequence;
                    self.learn_past(index, sequence, ledger);
                }
                // Of its own lives, nobody but this branch may know more than it does.
                None if origin.branch == ledger.own().origin.branch => {}
                None => {
                    for index in ledger.earlier_lives(origin) {
                        learned.presumes = true;
                        self.raise(index, Known { sequence: ledger.page(index).sequence, confirm_through: 0 });
                    }
                }
            }
        }
        self.expect();
        self.look_again();
        learned
    }

    /// Who has a page so far has what it stands on.
    fn learn_past(&mut self, index: PageIndex, sequence: u64, ledger: &Ledger) {
        if !ledger.page(index).has_past() {
            return;
        }
        let mut open = vec![(index, sequence)];
        while let Some((index, sequence)) = open.pop() {
            for (earlier, through) in ledger.past_between(index, 0, sequence) {
                if self.known(earlier).sequence < through {
                    self.raise(earlier, Known { sequence: through, confirm_through: 0 });
                    open.push((earlier, through));
                }
            }
        }
    }

    /// What is under way arrives, where the peer has what it needs to take it.
    fn expect(&mut self) {
        let under_way = std::mem::take(&mut self.under_way);
        for &Carried { index, before, after } in under_way.iter().flat_map(|sent| &sent.pages) {
            if self.known(index).sequence >= before.sequence {
                self.raise(index, after);
            }
        }
        self.under_way = under_way;
    }

    pub(super) fn look_again(&mut self) {
        self.cursor = 0;
        self.under_way.iter_mut().for_each(|sent| sent.cursor = 0);
    }

    /// These pages leave as they are now; returns the number of what carries them.
    pub(super) fn send(
        &mut self,
        pages: impl IntoIterator<Item = PageIndex>,
        ledger: &Ledger,
        cursor: u64,
        carries_operation: bool,
        receipts: Vec<ReceiptKey>,
    ) -> u64 {
        let tell = |index| {
            let page = ledger.page(index);
            let after = Known { sequence: page.sequence, confirm_through: page.confirm_through };
            Carried { index, before: std::mem::replace(self.known_mut(index), after), after }
        };
        let pages = pages.into_iter().map(tell).collect();
        let cursor = std::mem::replace(&mut self.cursor, cursor);
        self.last_number += 1;
        self.under_way.push_back(InFlight { number: self.last_number, pages, cursor, carries_operation, receipts });
        self.last_number
    }

    /// The number of what would be sent next.
    pub(super) fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// Nothing of what is under way has arrived, as far as we know: neither have these receipts.
    pub(super) fn take_back(&mut self) -> Vec<ReceiptKey> {
        let mut receipts = Vec::new();
        while let Some(sent) = self.under_way.pop_back() {
            self.forget(&sent);
            self.cursor = sent.cursor;
            receipts.extend(sent.receipts);
        }
        receipts
    }

    fn forget(&mut self, sent: &InFlight) {
        for told in sent.pages.iter().rev() {
            *self.known_mut(told.index) = told.before;
        }
    }

    /// The peer has taken everything up to `number`, and now has these pages so far; `None` if that is not
    /// under way.
    pub(super) fn acknowledged(&mut self, number: u64, version: &[(Origin, u64)], ledger: &Ledger) -> Option<Taken> {
        let position = self.under_way.iter().position(|sent| sent.number == number)?;
        let sent: Vec<InFlight> = self.under_way.drain(..=position).collect();
        // What is not spoken of has not arrived.
        sent.iter().rev().for_each(|sent| self.forget(sent));
        self.set(version, ledger);
        let mut taken = Taken::default();
        for InFlight { pages, carries_operation, .. } in &sent {
            taken.operation |= carries_operation;
            for told in pages {
                let sequence = self.known(told.index).sequence;
                if sequence < told.before.sequence {
                    taken.lost = true;
                } else if sequence < told.after.sequence {
                    taken.denied = true;
                } else {
                    self.raise(told.index, told.after);
                }
            }
        }
        self.expect();
        Some(taken)
    }

    /// How far the peer is known to have a page, without what is only under way.
    pub(super) fn confirmed_of(&self, index: PageIndex) -> u64 {
        let told = self.under_way.iter().flat_map(|sent| &sent.pages).filter(|told| told.index == index);
        told.map(|told| told.before.sequence).fold(self.known(index).sequence, u64::min)
    }

    /// How far the peer is known to have each page of the ledger, without what is only under way.
    pub(super) fn confirmed(&self, pages: usize) -> Vec<u64> {
        let mut sequences: Vec<u64> = (0..pages).map(|index| self.known(index).sequence).collect();
        for told in self.under_way.iter().flat_map(|sent| &sent.pages) {
            sequences[told.index] = told.before.sequence.min(sequences[told.index]);
        }
        sequences
    }

    /// How many entries a page's delta has, and one at least.
    pub(super) fn size(&self, ledger: &Ledger, index: PageIndex) -> usize {
        let page = ledger.page(index);
        page.changed_since(self.known(index).sequence.min(page.sequence)).max(1)
    }

    /// Whether the peer has, or will have, all that a page stands on.
    pub(super) fn has_past(&self, ledger: &Ledger, index: PageIndex) -> bool {
        let known = self.known(index).sequence;
        ledger.past_after(index, known).all(|(earlier, through)| self.known(earlier).sequence >= through)
    }

    /// Adds a page to those that are told, and before it those that it stands on, as far as the peer lacks them: or it
    /// could not take the page. So an update may be large, and is never cut in between.
    pub(super) fn choose(&self, ledger: &Ledger, index: PageIndex, lacking: &mut Vec<PageIndex>) {
        let mut chosen: BTreeSet<PageIndex> = lacking.iter().copied().collect();
        let mut open = vec![(index, false)];
        while let Some((index, has_past)) = open.pop() {
            if has_past {
                lacking.push(index);
            } else if chosen.insert(index) {
                open.push((index, true));
                let known = self.known(index).sequence;
                let past = ledger.past_after(index, known);
                let lacks = past.filter(|&(earlier, through)| self.known(earlier).sequence < through);
                open.extend(lacks.map(|(earlier, _)| (earlier, false)));
            }
        }
    }
}
