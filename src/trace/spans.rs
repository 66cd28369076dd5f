//! What was wrong in a bank, and from when until when: the rows that begin faults and those that end them,
//! in pairs, and what befell several branches at once as one fault. Measures, pictures and the page of a
//! report all tell it as it is told here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Event, FaultKind, Trace};
use crate::types::{BranchId, Time, words};

/// Microseconds within which what happens at several branches may be one fault: it reaches them one by one.
const TOGETHER_US: u64 = 5_000;

/// Of longer lists of branches, the first few ranges are named.
const RANGES: usize = 6;

/// Of partitions that part nobody, at most so many links are named.
const LINKS: usize = 3;

/// What can be wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SpanKind {
    /// Links were cut.
    Partition,
    /// Branches did not run.
    Killed,
    /// Branches did nothing.
    Paused,
    /// Messages took longer.
    Slow,
    /// Some messages were lost.
    Loss,
}

words!(
    SpanKind, "fault":
    Partition = "partition",
    Killed = "killed",
    Paused = "paused",
    Slow = "slow",
    Loss = "loss",
);

impl SpanKind {
    /// Whether one may begin while another lasts. The first to begin is then taken for the first to end.
    const fn is_nested(self) -> bool {
        match self {
            Self::Partition | Self::Paused | Self::Slow => true,
            Self::Killed | Self::Loss => false,
        }
    }
}

/// A fault, of one branch or of several at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// What was wrong.
    pub kind: SpanKind,
    /// Where, for people: `1-3, 7`, or of a partition its sides, `1, 2 | 3`, or its links, `1 → 2`.
    pub text: String,
    /// Details, for people: those of its first row.
    pub reason: Option<String>,
    /// The branches that it befell, of links both ends.
    pub branches: BTreeSet<BranchId>,
    /// Of a partition, the links (from, to) that were cut.
    pub links: BTreeSet<(BranchId, BranchId)>,
    /// The branches in parts that heard nothing of each other; none if it parted nobody.
    pub sides: Vec<BTreeSet<BranchId>>,
    /// When it began.
    pub start: Time,
    /// When it ended, or the trace did.
    pub end: Time,
    /// Whether it ended within the trace.
    pub is_lifted: bool,
    /// What it is made of, in the order of time.
    pub parts: Vec<Part>,
}

/// What befell one branch, or one of its links.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Where.
    pub branch: BranchId,
    /// Between the branch and this one only.
    pub peer: Option<BranchId>,
    /// When it began.
    pub start: Time,
    /// When it ended, or the trace did.
    pub end: Time,
    /// The row that began it; `None`: it is before the first of this part of a trace.
    pub row: Option<usize>,
    /// The row that ended it; `None`: none did.
    pub end_row: Option<usize>,
    reason: Option<String>,
}

impl FaultKind {
    /// The fault that it begins, or ends.
    const fn edge(self) -> (SpanKind, bool) {
        match self {
            Self::Cut => (SpanKind::Partition, true),
            Self::Mended => (SpanKind::Partition, false),
            Self::Killed => (SpanKind::Killed, true),
            Self::Restarted => (SpanKind::Killed, false),
            Self::Paused => (SpanKind::Paused, true),
            Self::Resumed => (SpanKind::Paused, false),
            Self::Slowed => (SpanKind::Slow, true),
            Self::Unslowed => (SpanKind::Slow, false),
            Self::Dropping => (SpanKind::Loss, true),
            Self::Delivering => (SpanKind::Loss, false),
        }
    }
}

impl Trace {
    /// What was wrong, in the order of time. Faults are one if they are of one kind, have the same details,
    /// and begin and end together: within 5 ms, or within a quarter of the fault if that is less, so that
    /// short ones are told apart.
    ///
    /// # Example
    /// ```
    /// use replibank::{trace::Trace, types::Word};
    /// let text = r#"{"trace":{"branches":[1,2],"accounts":{"0":400},"links":[[1,2]],"lost":0,"source":"bank"}}
    /// {"time_us":10,"branch":2,"event":"paused","clock":1,"ticks":1}
    /// {"time_us":70,"branch":2,"event":"resumed","clock":2,"ticks":1}"#;
    /// let faults = Trace::parse(text).unwrap().faults();
    /// assert_eq!((faults[0].kind.word(), faults[0].text.as_str(), faults[0].end.0), ("paused", "2", 70));
    /// ```
    pub fn faults(&self) -> Vec<Span> {
        let groups = together(self.parts());
        groups.into_iter().map(|(kind, parts)| self.span(kind, parts)).collect()
    }

    /// What befell each branch and each link, in the order of time.
    fn parts(&self) -> Vec<(SpanKind, Part)> {
        let (Some(first), Some(last)) = (self.rows.first(), self.rows.last()) else {
            return Vec::new();
        };
        let mut lasting: BTreeMap<_, VecDeque<Part>> = BTreeMap::new();
        let mut parts = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let Event::Fault(fault) = &row.event else { continue };
            let (kind, begins) = fault.kind.edge();
            let begun = lasting.entry((kind, row.branch, fault.peer)).or_default();
            let part = |start, row_of_start, reason| Part {
                branch: row.branch,
                peer: fault.peer,
                start,
                end: last.at,
                row: row_of_start,
                end_row: None,
                reason,
            };
            if begins {
                if kind.is_nested() || begun.is_empty() {
                    begun.push_back(part(row.at, Some(index), fault.reason.clone()));
                }
            } else if let Some(part) = begun.pop_front() {
                parts.push((kind, Part { end: row.at, end_row: Some(index), ..part }));
            } else if self.is_part() {
                // What ends in a part of a trace may have begun before it.
                parts.push((kind, Part { end: row.at, end_row: Some(index), ..part(first.at, None, None) }));
            }
        }
        parts.extend(
            lasting.into_iter().flat_map(|((kind, ..), begun)| begun.into_iter().map(move |part| (kind, part))),
        );
        parts.sort_by_key(|(_, part)| (part.start, part.end, part.row, part.branch));
        parts
    }

    /// Whether rows before the first are known to be missing.
    fn is_part(&self) -> bool {
        self.header.before.0.values().any(|version| !version.is_empty())
    }

    fn span(&self, kind: SpanKind, parts: Vec<Part>) -> Span {
        let first = &parts[0];
        let (start, is_lifted, reason) = (first.start, first.end_row.is_some(), first.reason.clone());
        let end = parts.iter().map(|part| part.end).max().unwrap_or(start);
        let mut branches: BTreeSet<BranchId> = parts.iter().map(|part| part.branch).collect();
        let mut links = BTreeSet::new();
        let mut sides = Vec::new();
        let is_all = branches.len() > 1 && branches.len() == self.header.branches.len();
        let mut text = if is_all { "all".to_owned() } else { ranges(&branches) };
        if kind == SpanKind::Partition {
            links = parts.iter().filter_map(|part| Some((part.branch, part.peer?))).collect();
            branches.extend(links.iter().map(|&(_, to)| to));
            sides = self.sides(&links);
            text = match sides.as_slice() {
                [_, _, ..] => sides.iter().map(ranges).collect::<Vec<_>>().join(" | "),
                _ => self.one_way(&links).unwrap_or_else(|| named(&links)),
            };
            if sides.len() < 2 {
                sides.clear();
            }
        }
        Span { kind, text, reason, branches, links, sides, start, end, is_lifted, parts }
    }

    /// The branches in parts that hear of each other while these links are cut. A link that is cut one way
    /// still joins.
    fn sides(&self, cut: &BTreeSet<(BranchId, BranchId)>) -> Vec<BTreeSet<BranchId>> {
        let mut peers: BTreeMap<BranchId, Vec<BranchId>> = BTreeMap::new();
        for &(one, other) in &self.header.links {
            if !(cut.contains(&(one, other)) && cut.contains(&(other, one))) {
                peers.entry(one).or_default().push(other);
                peers.entry(other).or_default().push(one);
            }
        }
        let mut left = self.header.branches.clone();
        let mut sides = Vec::new();
        while let Some(branch) = left.pop_first() {
            let (mut side, mut todo) = (BTreeSet::new(), vec![branch]);
            while let Some(branch) = todo.pop() {
                side.insert(branch);
                todo.extend(peers.get(&branch).into_iter().flatten().filter(|peer| left.remove(peer)));
            }
            sides.push(side);
        }
        sides
    }

    /// From some branches to others, if every link of the bank from these to those is cut, and no other.
    fn one_way(&self, cut: &BTreeSet<(BranchId, BranchId)>) -> Option<String> {
        let senders: BTreeSet<BranchId> = cut.iter().map(|&(from, _)| from).collect();
        let receivers: BTreeSet<BranchId> = cut.iter().map(|&(_, to)| to).collect();
        let both_ways = self.header.links.iter().flat_map(|&(one, other)| [(one, other), (other, one)]);
        let mut between = both_ways.filter(|(from, to)| senders.contains(from) && receivers.contains(to));
        let is_so = senders.is_disjoint(&receivers) && between.all(|link| cut.contains(&link));
        is_so.then(|| format!("{} → {}", ranges(&senders), ranges(&receivers)))
    }
}

/// What is one fault, each with its first part first.
fn together(parts: Vec<(SpanKind, Part)>) -> Vec<(SpanKind, Vec<Part>)> {
    let mut groups: Vec<(SpanKind, Vec<Part>)> = Vec::new();
    // They begin in order: what began too long ago has no more to come.
    let mut open = 0;
    for (kind, part) in parts {
        while groups.get(open).is_some_and(|(_, group)| part.start.0 - group[0].start.0 > TOGETHER_US) {
            open += 1;
        }
        let is_mate = |(other, group): &&mut (SpanKind, Vec<Part>)| *other == kind && is_one(&group[0], &part);
        match groups[open..].iter_mut().find(is_mate) {
            Some((_, group)) => group.push(part),
            None => groups.push((kind, vec![part])),
        }
    }
    groups
}

/// Whether another part belongs to the fault that began with the first.
fn is_one(first: &Part, other: &Part) -> bool {
    // Short faults are told apart by less.
    let near = TOGETHER_US.min((first.end.0 - first.start.0) / 4);
    first.reason == other.reason
        && first.end_row.is_some() == other.end_row.is_some()
        && first.start.0.abs_diff(other.start.0) <= near
        && first.end.0.abs_diff(other.end.0) <= near
}

/// Some links, by name.
fn named(links: &BTreeSet<(BranchId, BranchId)>) -> String {
    let both_ways = |&&(from, to): &&(BranchId, BranchId)| links.contains(&(to, from));
    let pairs = links.iter().filter(both_ways).filter(|(from, to)| from < to);
    let mut texts: Vec<String> = pairs.map(|(one, other)| format!("{one} ↔ {other}")).collect();
    texts.extend(links.iter().filter(|link| !both_ways(link)).map(|(from, to)| format!("{from} → {to}")));
    if texts.len() <= LINKS { texts.join(", ") } else { format!("{} links", texts.len()) }
}

/// Ids as people write them: `1-3, 7`, or `1, 3, 5, 7, … (17)`.
fn ranges(branches: &BTreeSet<BranchId>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for branch in branches.iter().map(|branch| branch.value()) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == branch => *last = branch,
            _ => ranges.push((branch, branch)),
        }
    }
    let text = |&(first, last): &(u32, u32)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    };
    if ranges.len() <= RANGES {
        return ranges.iter().map(text).collect::<Vec<_>>().join(", ");
    }
    let few: Vec<String> = ranges[..RANGES - 2].iter().map(text).collect();
    format!("{}, … ({})", few.join(", "), branches.len())
}
