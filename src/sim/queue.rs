//! What is foreseen, in the order in which it comes up: by time, and within one microsecond in the order
//! in which it was foreseen.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use super::event::Event;

/// When, and as which of all that was foreseen.
type Due = (u64, u64);

/// Events that are foreseen in the order in which they come up: a line, which needs no heap. A bank of
/// a million operations has a million of each of these waiting.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    /// What the plan says.
    Plan,
    /// The ends of customers' patience, which is always as long.
    Patience,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(Due, u32)>>,
    events: Vec<Option<Event>>,
    free: Vec<u32>,
    plan: VecDeque<(Due, Event)>,
    patience: VecDeque<(Due, Event)>,
    foreseen: u64,
}

impl Queue {
    pub(super) fn foresee(&mut self, at_us: u64, event: Event) {
        self.foreseen += 1;
        self.place((at_us, self.foreseen), event);
    }

    /// Foresees an event that mostly comes up after those of its line: it may not.
    pub(super) fn foresee_in(&mut self, line: Line, at_us: u64, event: Event) {
        self.foreseen += 1;
        let due = (at_us, self.foreseen);
        let line = match line {
            Line::Plan => &mut self.plan,
            Line::Patience => &mut self.patience,
        };
        if line.back().is_none_or(|&(last, _)| last < due) {
            line.push_back((due, event));
        } else {
            self.place(due, event);
        }
    }

    fn place(&mut self, due: Due, event: Event) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.events.push(None);
            self.events.len() as u32 - 1
        });
        self.events[slot as usize] = Some(event);
        self.heap.push(Reverse((due, slot)));
    }

    /// The next event, and when it comes up.
    pub(super) fn pop(&mut self) -> Option<(u64, Event)> {
        let heap = self.heap.peek().map(|Reverse((due, _))| *due);
        let plan = self.plan.front().map(|(due, _)| *due);
        let patience = self.patience.front().map(|(due, _)| *due);
        let next = [heap, plan, patience].into_iter().flatten().min()?;
        let event = if plan == Some(next) {
            self.plan.pop_front()?.1
        } else if patience == Some(next) {
            self.patience.pop_front()?.1
        } else {
            let Reverse((_, slot)) = self.heap.pop()?;
            self.free.push(slot);
            self.events.get_mut(slot as usize)?.take()?
        };
        Some((next.0, event))
    }
}
