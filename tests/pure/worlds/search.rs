//! Breadth first through every state of a world, so that the first way to a breach is a shortest one. Of a
//! state that was seen, only its name is kept.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use super::{
    laws::Breach,
    moves::Move,
    state::{Setting, State},
};

/// What became of a search.
#[derive(Debug)]
pub struct Found {
    pub states: usize,
    pub moves: usize,
    /// Healed: from how many states.
    pub healed: usize,
    /// All states so many moves away were followed.
    pub depth: usize,
    /// Whether nothing is left to see.
    pub exhausted: bool,
    /// The first breach, and a shortest way to it.
    pub breach: Option<(Breach, Vec<Move>)>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, moves, healed, depth, exhausted, .. } = self;
        let end = if *exhausted { "exhausted" } else { "cut" };
        write!(f, "{states:>8} states {moves:>9} moves {healed:>7} healed  depth {depth:>2}  {end:<9}")
    }
}

/// Where a search may stop, and how often it looks at what healing leads to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub states: usize,
    /// One state of so many is healed.
    pub heal_every: u64,
}

/// Every state of a world within the limits, each held against the laws.
pub fn search(setting: &'static Setting, limits: Limits) -> Found {
    let mut start = State::new(setting);
    // A name to the state's number; a number to its parent's, and the move from there.
    let mut seen: HashMap<u64, u32> = HashMap::from([(start.name(), 0)]);
    let mut parents: Vec<(u32, Option<Move>)> = vec![(0, None)];
    let mut level = vec![(0, start)];
    let mut found = Found { states: 1, moves: 0, healed: 0, depth: 0, exhausted: false, breach: None };
    while !level.is_empty() && found.depth < setting.depth {
        let mut next = Vec::new();
        for (number, state) in level {
            for what in state.moves() {
                found.moves += 1;
                let mut after = state.clone();
                let taken = after.take(what);
                let name = after.name();
                let mut judged = taken.and_then(|()| after.judge());
                let is_new = match seen.entry(name) {
                    Entry::Occupied(_) => false,
                    Entry::Vacant(vacant) => {
                        vacant.insert(parents.len() as u32);
                        true
                    }
                };
                if judged.is_ok() && is_new && name.is_multiple_of(limits.heal_every) {
                    found.healed += 1;
                    judged = after.heal();
                }
                if let Err(breach) = judged {
                    let mut way = vec![what];
                    way.extend(trace(&parents, number));
                    way.reverse();
                    found.breach = Some((breach, way));
                    return found;
                }
                if is_new {
                    next.push((parents.len() as u32, after));
                    parents.push((number, Some(what)));
                    found.states += 1;
                }
                if found.states >= limits.states {
                    return found;
                }
            }
        }
        level = next;
        found.depth += 1;
    }
    found.exhausted = level.is_empty();
    found
}

/// The moves to a state, the last one first.
fn trace(parents: &[(u32, Option<Move>)], mut number: u32) -> Vec<Move> {
    let mut way = Vec::new();
    while let (parent, Some(what)) = parents[number as usize] {
        way.push(what);
        number = parent;
    }
    way
}

/// The states along a way, each with the move that led to it: to be read.
pub fn tell(setting: &'static Setting, way: &[Move]) -> String {
    let mut state = State::new(setting);
    let mut text = String::new();
    for &what in way {
        text.push_str(&format!("  {}\n", state.describe(what)));
        if state.take(what).is_err() {
            break;
        }
    }
    text + &state.to_string()
}
