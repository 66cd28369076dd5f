//! What may happen next in a world: each move is one step of one process, or one fault.

use replibank::replica::Replica;

use super::state::{Parcel, Process, State, Ways};

/// How a process comes back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Crash {
    /// With its directory; the save that was under way is not in it.
    Kept,
    /// With its directory, which has the save that was under way.
    KeptSaved,
    /// Without a directory, or with a new one.
    Lost,
    /// With its directory as it was before its last save.
    Older,
}

/// Processes are counted from 0, in the order of their first start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Move {
    /// The customer of this request tries it; it never hears the answer if it is `deaf`.
    Try { ask: usize, process: usize, deaf: bool },
    /// A driver asks a replica for what it has to say.
    Poll { process: usize, peer: usize },
    /// A message arrives: the parcel at this place.
    Deliver(usize),
    /// A message is lost.
    Lose(usize),
    /// A message is there twice.
    Double(usize),
    /// A session of two processes begins; none of their earlier ones goes on.
    Meet(usize, usize),
    /// A process notices that its session with this branch is over.
    Notice { process: usize, peer: usize },
    /// A save reaches the disk.
    Saved(usize),
    /// A process ends, and its branch is started again.
    Crash(usize, Crash),
    /// A second process is started on a copy of the directory.
    Copy(usize),
    /// Time goes on to the next deadline of any process.
    Tick,
}

impl State {
    /// Everything that may happen now.
    pub fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        self.tries(&mut moves);
        self.deliveries(&mut moves);
        self.sessions(&mut moves);
        self.crashes(&mut moves);
        let due = self.processes.iter().any(|process| process.replica.next_deadline().is_some());
        if due && self.left.ticks > 0 {
            moves.push(Move::Tick);
        }
        moves
    }

    fn tries(&self, moves: &mut Vec<Move>) {
        for (ask, asked) in self.asked.iter().enumerate() {
            let wanted = &self.setting.asks[ask];
            let may = asked.heard.is_none() && asked.tries < wanted.tries && self.at_least(ask).is_some();
            if !may {
                continue;
            }
            let serves = |at: &Process| at.branch == wanted.branch && at.replica.superseded().is_none();
            for (process, _) in self.processes.iter().enumerate().filter(|(_, at)| serves(at)) {
                moves.push(Move::Try { ask, process, deaf: false });
                if self.left.deaf > 0 {
                    moves.push(Move::Try { ask, process, deaf: true });
                }
            }
        }
    }

    fn deliveries(&self, moves: &mut Vec<Move>) {
        let is_same = |at: usize, than: usize| {
            let (one, other) = (&self.parcels[at], &self.parcels[than]);
            let is_ordered = self.setting.network == Ways::Ordered;
            (one.from, one.to) == (other.from, other.to) && (is_ordered || one.name == other.name)
        };
        for at in 0..self.parcels.len() {
            // In a session, only the first can come; of two equal datagrams, one is enough to look at.
            if (0..at).any(|than| is_same(at, than)) {
                continue;
            }
            moves.push(Move::Deliver(at));
            if self.setting.network == Ways::Datagrams {
                if self.left.losses > 0 {
                    moves.push(Move::Lose(at));
                }
                if self.left.doubles > 0 {
                    moves.push(Move::Double(at));
                }
            }
        }
        for (number, process) in self.processes.iter().enumerate() {
            for peer in (0..self.setting.branches).filter(|&peer| process.is_ready(peer)) {
                moves.push(Move::Poll { process: number, peer });
            }
            if process.saving.is_some() {
                moves.push(Move::Saved(number));
            }
        }
    }

    fn sessions(&self, moves: &mut Vec<Move>) {
        for (one, process) in self.processes.iter().enumerate() {
            for (other, second) in self.processes.iter().enumerate().skip(one + 1) {
                let linked = self.setting.is_linked(process.branch, second.branch);
                if linked && self.left.meetings > 0 && !self.is_met(one, other) {
                    moves.push(Move::Meet(one, other));
                }
            }
            for (peer, session) in process.sessions.iter().enumerate() {
                if session.is_some() && self.left.cuts > 0 {
                    moves.push(Move::Notice { process: one, peer });
                }
            }
        }
    }

    fn crashes(&self, moves: &mut Vec<Move>) {
        for (number, process) in self.processes.iter().enumerate() {
            let saving = process.saving.is_some();
            if self.left.kept > 0 && process.directory.is_some() {
                moves.push(Move::Crash(number, Crash::Kept));
                if saving {
                    moves.push(Move::Crash(number, Crash::KeptSaved));
                }
            }
            if self.left.lost > 0 {
                moves.push(Move::Crash(number, Crash::Lost));
            }
            if self.left.older > 0 && process.previous.is_some() {
                moves.push(Move::Crash(number, Crash::Older));
            }
            if self.left.copies > 0 && process.directory.as_ref().is_some_and(|directory| !directory.is_new()) {
                moves.push(Move::Copy(number));
            }
        }
    }

    /// A move in words.
    pub fn describe(&self, what: Move) -> String {
        let branch = |process: usize| self.processes[process].branch + 1;
        let parcel = |at: usize| {
            let Parcel { from, to, message, .. } = &self.parcels[at];
            format!("{} -> {}: {message:?}", branch(*from), branch(*to))
        };
        match what {
            Move::Try { ask, process, deaf } => {
                let deaf = if deaf { ", and hears no answer" } else { "" };
                let count = self.asked[ask].tries + 1;
                let wanted = &self.setting.asks[ask].what;
                format!("try {count} of request {ask}, {wanted:?}, at branch {} ({process}){deaf}", branch(process))
            }
            Move::Poll { process, peer } => format!("branch {} speaks to {}", branch(process), peer + 1),
            Move::Deliver(at) => format!("deliver {}", parcel(at)),
            Move::Lose(at) => format!("lose {}", parcel(at)),
            Move::Double(at) => format!("double {}", parcel(at)),
            Move::Meet(one, other) => format!("branches {} ({one}) and {} ({other}) meet", branch(one), branch(other)),
            Move::Notice { process, peer } => format!("branch {} notices that {} is gone", branch(process), peer + 1),
            Move::Saved(process) => format!("the save of branch {} ({process}) is on disk", branch(process)),
            Move::Crash(process, how) => {
                format!("branch {} ({process}) crashes and comes back: {how:?}", branch(process))
            }
            Move::Copy(process) => format!("a second process of branch {} on a copy of its directory", branch(process)),
            Move::Tick => {
                let next = self.processes.iter().filter_map(|process| Replica::next_deadline(&process.replica)).min();
                format!("time goes on to {next:?}")
            }
        }
    }
}
