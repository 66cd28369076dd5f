//! Where one branch's rows are kept while it runs: with its Lamport clock, the names of its messages,
//! and a bound.

use std::{
    collections::BTreeSet,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{Event, Fault, FaultKind, Message, MessageId, Row};
use crate::types::{BranchId, Time};

/// How many rows may still be kept, by all the buffers that share it.
#[derive(Debug)]
pub struct Room(AtomicUsize);

impl Room {
    /// Room for this many rows.
    pub fn new(rows: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(rows)))
    }

    /// Takes one place, if there is one.
    fn take(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

/// What travels with a message, so that its receipt can be told as the receipt of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Who sent it.
    pub sender: BranchId,
    /// Its name.
    pub id: MessageId,
    /// The sender's Lamport clock after the last of its operations was sent.
    pub clock: u64,
}

/// A row's place in its buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(usize);

/// One branch's rows, oldest first. What finds no room is counted, and ticks the clock all the same.
///
/// # Example
/// ```
/// use replibank::{trace::{Buffer, Event, Room}, types::{BranchId, Time}};
/// let (one, two) = (BranchId::new(1).unwrap(), BranchId::new(2).unwrap());
/// let mut buffer = Buffer::new(one, &[one, two].into(), Room::new(1));
/// buffer.happened(Time(0), Event::LinkUp(two));
/// buffer.happened(Time(7), Event::LinkDown(two));
/// assert_eq!((buffer.rows().len(), buffer.lost()), (1, 1));
/// ```
#[derive(Clone, Debug)]
pub struct Buffer {
    branch: BranchId,
    room: Arc<Room>,
    rows: Vec<Row>,
    lost: u64,
    clock: u64,
    /// The bank's branches share the numbers out: each takes every `stride`th.
    last_message: u64,
    stride: u64,
}

impl Buffer {
    /// The buffer of `branch`, one of `branches`.
    pub fn new(branch: BranchId, branches: &BTreeSet<BranchId>, room: Arc<Room>) -> Self {
        let stride = branches.len().max(1) as u64;
        let position = branches.iter().position(|&id| id == branch).unwrap_or(0) as u64;
        Self {
            branch,
            room,
            rows: Vec::new(),
            lost: 0,
            clock: 0,
            // The first is then one of 1 to `stride`, and no number is another branch's.
            last_message: position,
            stride,
        }
    }

    /// An empty buffer for the branch's next life, which goes on from where this one stands.
    pub fn next_life(&self) -> Self {
        Self { rows: Vec::new(), lost: 0, room: self.room.clone(), ..*self }
    }

    /// Goes on after an earlier life of the branch whose buffer is gone: its clock had come this far,
    /// and it had sent at most this many messages.
    pub fn resume(&mut self, clock: u64, messages: u64) {
        self.clock = clock.max(self.clock);
        let position = self.last_message % self.stride;
        self.last_message = self.last_message.max(position + messages * self.stride);
    }

    /// Something that is no message.
    pub fn happened(&mut self, at: Time, event: Event) -> Option<Place> {
        self.clock += 1;
        self.push(at, 1, event)
    }

    /// A message leaves; its name is given here.
    pub fn sent(&mut self, at: Time, mut message: Message) -> Mark {
        let id = self.next_message();
        message.id = Some(id);
        let ticks = ticks(&message);
        self.clock += u64::from(ticks);
        self.push(at, ticks, Event::Sent(message));
        Mark { sender: self.branch, id, clock: self.clock }
    }

    /// A message has come: all of its operations were sent before any of them is received.
    pub fn received(&mut self, at: Time, mut message: Message, mark: Option<Mark>) {
        message.id = mark.map(|mark| mark.id);
        let ticks = ticks(&message);
        // A peer may claim any clock; ours must not run over.
        let sent = mark.map_or(0, |mark| mark.clock.min(MAX_CLOCK));
        self.clock = self.clock.max(sent) + u64::from(ticks);
        self.push(at, ticks, Event::Received(message));
    }

    /// Something befell the branch on purpose.
    pub fn fault(&mut self, at: Time, kind: FaultKind, peer: Option<BranchId>, reason: Option<String>) {
        self.happened(at, Event::Fault(Box::new(Fault { kind, peer, reason })));
    }

    fn next_message(&mut self) -> MessageId {
        let number = self.last_message + 1;
        self.last_message += self.stride;
        MessageId(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }

    fn push(&mut self, at: Time, ticks: u32, event: Event) -> Option<Place> {
        if self.room.take() {
            self.rows.push(Row { at, branch: self.branch, ticks, clock: self.clock, event });
            Some(Place(self.rows.len() - 1))
        } else {
            self.lost += 1;
            None
        }
    }

    /// A row that was kept, to complete what it says.
    pub fn event_mut(&mut self, place: Place) -> Option<&mut Event> {
        self.rows.get_mut(place.0).map(|row| &mut row.event)
    }

    /// Whose rows these are.
    pub fn branch(&self) -> BranchId {
        self.branch
    }

    /// What was kept.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many rows found no room.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The branch's Lamport clock.
    pub fn clock(&self) -> u64 {
        self.clock
    }
}

/// The highest clock that is taken from a peer; below 2^53, so that it survives every JSON reader.
const MAX_CLOCK: u64 = 1 << 52;

/// A message of several operations is as many messages, as far as the clock goes.
fn ticks(message: &Message) -> u32 {
    u32::try_from(message.operations.max(1)).unwrap_or(u32::MAX)
}
