//! What waits for the disk. The disk is told like a peer: what has changed since the last save leaves as one,
//! built only when the disk is free, so that a slow disk groups its commits. What a replica says waits until
//! everything it reveals is on disk: a reply, a message to a peer, an acknowledgement. So a branch that comes
//! back with its disk has never said more than it knows.

use std::collections::{BTreeMap, VecDeque};

use super::{
    answers::Answers,
    ledger::Ledger,
    message::PeerMessage,
    output::Output,
    save::{Life, Save},
};
use crate::types::BranchId;

/// What the disk has, and what waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct DiskLink {
    /// Up to which change of the ledger the last save goes, and how many operations it counts.
    cursor: u64,
    operations: u64,
    /// How far it goes in each page.
    sequences: Vec<u64>,
    last_number: u64,
    saved: u64,
    /// The life that begins, until it is in a save.
    begins: Option<Life>,
    /// Each under the save that it waits for.
    replies: VecDeque<(u64, Output)>,
    messages: BTreeMap<BranchId, (u64, PeerMessage)>,
}

impl DiskLink {
    /// A disk that has all of this ledger, and on which a life begins.
    pub(super) fn new(ledger: &mut Ledger, begins: Life) -> Self {
        ledger.changes.mark_read();
        Self {
            cursor: ledger.changes.last(),
            operations: ledger.operations(),
            sequences: ledger.pages().map(|(_, page)| page.sequence).collect(),
            begins: Some(begins),
            ..Self::default()
        }
    }

    /// Whether something is in no save yet.
    fn is_behind(&self, ledger: &Ledger, answers: &Answers) -> bool {
        ledger.operations() != self.operations || answers.has_changes()
    }

    /// The save that must be on disk before what the replica knows now may be told.
    pub(super) fn awaited(&self, ledger: &Ledger, answers: &Answers) -> Option<u64> {
        let number = self.last_number + u64::from(self.is_behind(ledger, answers));
        (number > self.saved).then_some(number)
    }

    /// Keeps back the replies among `outputs`, from position `first` on, and calls for the next save.
    pub(super) fn hold(&mut self, first: usize, ledger: &Ledger, answers: &Answers, outputs: &mut Vec<Output>) {
        let Some(number) = self.awaited(ledger, answers) else {
            // Nobody waits for the beginning of a life alone: what others may know of it comes with its first save.
            if self.begins.is_some() {
                outputs.push(Output::Save);
            }
            return;
        };
        let is_reply = |output: &Output| matches!(output, Output::Reply { .. });
        if outputs.iter().skip(first).any(is_reply) {
            for output in outputs.split_off(first) {
                if is_reply(&output) {
                    self.replies.push_back((number, output));
                } else {
                    outputs.push(output);
                }
            }
        }
        if self.saved == self.last_number {
            outputs.push(Output::Save);
        }
    }

    /// The message, if it may leave now; otherwise it waits.
    pub(super) fn pass(
        &mut self,
        peer: BranchId,
        message: PeerMessage,
        ledger: &Ledger,
        answers: &Answers,
    ) -> Option<PeerMessage> {
        let Some(number) = self.awaited(ledger, answers) else { return Some(message) };
        self.messages.insert(peer, (number, message));
        None
    }

    /// Puts on record, with the next save, what has turned out of the lives before.
    pub(super) fn put_on_record(&mut self, life: Life) {
        self.begins = Some(life);
    }

    /// How many replies wait for the disk.
    pub(super) fn held(&self) -> usize {
        self.replies.len()
    }

    /// Whether a message for this peer waits.
    pub(super) fn holds(&self, peer: BranchId) -> bool {
        self.messages.contains_key(&peer)
    }

    /// The message that waited, if it may leave now.
    pub(super) fn release(&mut self, peer: BranchId) -> Option<PeerMessage> {
        let is_due = self.messages.get(&peer).is_some_and(|(number, _)| *number <= self.saved);
        if is_due { self.messages.remove(&peer).map(|(_, message)| message) } else { None }
    }

    /// The session has ended, and with it what was to be said in it.
    pub(super) fn forget(&mut self, peer: BranchId) {
        self.messages.remove(&peer);
    }

    pub(super) fn poll(&mut self, ledger: &mut Ledger, answers: &mut Answers) -> Option<Save> {
        if self.saved < self.last_number || !(self.is_behind(ledger, answers) || self.begins.is_some()) {
            return None;
        }
        ledger.changes.mark_read();
        let mut deltas = Vec::new();
        for (_, index) in ledger.changes.after(self.cursor) {
            let page = ledger.page(index);
            if self.sequences.len() <= index {
                self.sequences.resize(index + 1, 0);
            }
            let sequence = std::mem::replace(&mut self.sequences[index], page.sequence);
            if page.sequence > sequence {
                deltas.push(page.delta(sequence));
            }
        }
        self.cursor = ledger.changes.last();
        self.operations = ledger.operations();
        self.last_number += 1;
        Some(Save { number: self.last_number, begins: self.begins.take(), deltas, answers: answers.take_changes() })
    }

    /// A save is on disk: lets go what waited for it.
    pub(super) fn saved(&mut self, number: u64, ledger: &Ledger, answers: &Answers, outputs: &mut Vec<Output>) {
        self.saved = number.clamp(self.saved, self.last_number);
        let due = self.replies.partition_point(|(number, _)| *number <= self.saved);
        outputs.extend(self.replies.drain(..due).map(|(_, reply)| reply));
        let free = self.messages.iter().filter(|(_, (number, _))| *number <= self.saved);
        outputs.extend(free.map(|(&peer, _)| Output::Ready(peer)));
        if self.saved == self.last_number && self.is_behind(ledger, answers) {
            outputs.push(Output::Save);
        }
    }
}
