//! What a link says next, if it has room.

use std::collections::BTreeSet;

use super::{
    delta::Delta,
    ledger::Ledger,
    link::{Greeting, Link, UPDATE_SIZE, URGENT_EVERY},
    message::{Call, PeerMessage, Receipt, Update},
    page::PageIndex,
    receipts::Receipts,
};
use crate::types::{Propagation, Time};

impl Link {
    /// The next message, if there is one and the link has room for it.
    pub(super) fn poll(&mut self, now: Time, ledger: &mut Ledger, receipts: &Receipts) -> Option<PeerMessage> {
        if !self.up {
            return None;
        }
        self.owed.poll(ledger).or_else(|| self.poll_greeting(now, ledger)).or_else(|| {
            let pages = self.poll_pages(now, ledger, receipts)?;
            // What else there is to say leaves with it.
            self.owed.hurry();
            Some(pages)
        })
    }

    pub(super) fn poll_greeting(&mut self, now: Time, ledger: &Ledger) -> Option<PeerMessage> {
        if self.greeting != Greeting::Due {
            return None;
        }
        self.greeting = Greeting::Sent;
        self.greet_again_at = Some(now + self.resend_after);
        Some(PeerMessage::Greeting { version: ledger.version() })
    }

    pub(super) fn poll_pages(&mut self, now: Time, ledger: &mut Ledger, receipts: &Receipts) -> Option<PeerMessage> {
        if std::mem::take(&mut self.denied) {
            self.repair_at.get_or_insert(now + self.pace.repair_after);
        }
        if !self.greeted || !self.has_room() || self.paced_until(now, ledger).is_some() {
            return None;
        }
        let message = match self.pace.propagation {
            Propagation::Stream => self.poll_update(now, ledger, receipts),
            Propagation::Unary => self.poll_call(now, ledger),
        }?;
        self.resend_at = Some(now + self.resend_after);
        Some(message)
    }

    pub(super) fn poll_update(&mut self, now: Time, ledger: &mut Ledger, receipts: &Receipts) -> Option<PeerMessage> {
        let (lacking, cursor) = self.lacking(now, ledger, UPDATE_SIZE);
        let mut carried = Vec::new();
        while carried.len() < UPDATE_SIZE
            && let Some(key) = self.receipts.pop_first()
        {
            carried.push(key);
        }
        let told: Vec<Receipt> = carried.iter().filter_map(|&(origin, branch)| receipts.get(origin, branch)).collect();
        if lacking.is_empty() && told.is_empty() {
            self.flights.cursor = cursor;
            return None;
        }
        self.tempo.sent(now);
        let deltas = lacking.iter().map(|&index| self.delta(ledger, index)).collect();
        // Somebody waits for the answer to a wish for receipts.
        let wishes = lacking.contains(&Ledger::OWN)
            && ledger.own().confirm_through > self.flights.known(Ledger::OWN).confirm_through;
        let is_urgent = wishes || self.window() == 1 || self.flights.next_number().is_multiple_of(URGENT_EVERY);
        let number = self.flights.send(lacking, ledger, cursor, false, carried);
        Some(PeerMessage::Update(Update { number, is_urgent, deltas, receipts: told }))
    }

    /// Operations and repairs take turns, or a busy branch would never repair.
    pub(super) fn poll_call(&mut self, now: Time, ledger: &mut Ledger) -> Option<PeerMessage> {
        if !std::mem::take(&mut self.called_operation)
            && let Some(call) = self.call_operation(ledger)
        {
            return Some(call);
        }
        let (lacking, through) = self.lacking(now, ledger, 1);
        let Some(&index) = lacking.first() else {
            self.flights.cursor = through;
            return self.call_operation(ledger);
        };
        // A call tells one page: what that stands on goes before it.
        let cursor = if lacking.len() == 1 { through } else { self.flights.cursor };
        let delta = self.delta(ledger, index);
        let number = self.flights.send([index], ledger, cursor, false, Vec::new());
        Some(PeerMessage::Call(Call { number, operation: None, delta }))
    }

    pub(super) fn call_operation(&mut self, ledger: &Ledger) -> Option<PeerMessage> {
        let operation = *self.operations.front()?;
        if !self.flights.has_past(ledger, Ledger::OWN) {
            return None;
        }
        let delta = self.delta(ledger, Ledger::OWN);
        let number = self.flights.send([Ledger::OWN], ledger, self.flights.cursor, true, Vec::new());
        self.called_operation = true;
        Some(PeerMessage::Call(Call { number, operation: Some(operation), delta }))
    }

    /// What the peer lacks of a page.
    pub(super) fn delta(&self, ledger: &Ledger, index: PageIndex) -> Delta {
        let page = ledger.page(index);
        page.delta(self.flights.known(index).sequence.min(page.sequence))
    }

    /// The pages that changed since the cursor and that the peer lacks, up to `limit` entries, and
    /// where the cursor may stand once it has them. Pages that their origin tells the peer itself
    /// are left to it, until the next repair.
    pub(super) fn lacking(&mut self, now: Time, ledger: &mut Ledger, limit: usize) -> (Vec<PageIndex>, u64) {
        let mut lacking = Vec::new();
        // Those whose turn has not come yet, and that others stand on.
        let mut early = BTreeSet::new();
        let mut entries = 0;
        ledger.changes.mark_read();
        let new = ledger.pages().skip(self.is_heard_elsewhere.len());
        self.is_heard_elsewhere.extend(new.map(|(_, page)| self.heard_elsewhere.contains(&page.origin.branch)));
        for (stamp, index) in ledger.changes.after(self.flights.cursor) {
            // A branch that is linked to the origin hears its wish from it, too, if it needs to. Most pages
            // of a large bank are of this kind, and are not looked at.
            let told_by_origin = index != Ledger::OWN && self.is_heard_elsewhere[index];
            if told_by_origin && self.leaves_to_others() {
                continue;
            }
            let (page, known) = (ledger.page(index), self.flights.known(index));
            let lacks = page.sequence > known.sequence;
            let wishes = page.confirm_through > known.confirm_through && !told_by_origin;
            // Every call of an operation carries the own page's totals.
            let called = index == Ledger::OWN && !self.operations.is_empty();
            if lacks && told_by_origin && !self.repairing {
                self.repair_at = Some(now + self.pace.repair_after);
            } else if (lacks || wishes) && !called && !early.contains(&index) {
                if entries >= limit {
                    return (lacking, stamp - 1);
                }
                if !page.has_past() {
                    entries += page.changed_since(known.sequence.min(page.sequence)).max(1);
                    lacking.push(index);
                    continue;
                }
                let before = lacking.len();
                self.flights.choose(ledger, index, &mut lacking);
                early.extend(lacking[before..].iter().copied().filter(|&chosen| chosen != index));
                entries += lacking[before..].iter().map(|&index| self.flights.size(ledger, index)).sum::<usize>();
            }
        }
        self.repairing = false;
        (lacking, ledger.changes.last())
    }
}
