//! Traces as JSON lines: the header, then a row a line, with the names of the columns. Cells that are
//! empty are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use super::{Cells, Header, Row, Source, Trace, Versions};
use crate::types::{AccountId, BranchId, Origin, Version};

/// The latest time: columns of time are signed.
const MAX_TIME_US: u64 = i64::MAX as u64;

/// What is wrong with a written trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong there, and what would be right.
    pub reason: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for TraceError {}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    trace: Written,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    branches: BTreeSet<u32>,
    accounts: BTreeMap<u64, i64>,
    links: Vec<(u32, u32)>,
    lost: u64,
    source: Source,
    /// By branch and origin; a whole trace has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    before: BTreeMap<u32, BTreeMap<Origin, u64>>,
}

/// An example of a first line.
const FIRST: &str = r#"{"trace": {"branches": [1], "accounts": {"0": 400}, "links": [], "lost": 0, "source": "bank"}}"#;

impl Trace {
    /// The trace as JSON lines.
    pub fn to_jsonl(&self) -> String {
        let mut text = json(&First { trace: self.header.write() });
        for row in &self.rows {
            text.push_str(&json(&row.cells()));
        }
        text
    }

    /// Reads what [`Trace::to_jsonl`] or another program wrote. Blank lines are skipped.
    ///
    /// # Errors
    /// [`TraceError`] names the first line that is wrong.
    ///
    /// # Example
    /// ```
    /// use replibank::trace::Trace;
    /// let text = r#"{"trace":{"branches":[1,2],"accounts":{"0":400},"links":[[1,2]],"lost":0,"source":"bank"}}
    /// {"time_us":7,"branch":1,"event":"link-up","clock":1,"ticks":1,"peer":2}
    /// "#;
    /// assert_eq!(Trace::parse(text).unwrap().to_jsonl(), text);
    /// ```
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let at = |number: usize| move |reason: String| TraceError { line: number + 1, reason };
        let (number, first) = lines.next().unwrap_or_default();
        let header = Header::read(first).map_err(at(number))?;
        let mut clocks = BTreeMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for (number, line) in lines {
            let row = read(line, &header, rows.last(), &mut clocks).map_err(at(number))?;
            rows.push(row);
        }
        Ok(Self { header, rows })
    }
}

/// A row, in its place among the others.
fn read(line: &str, header: &Header, last: Option<&Row>, clocks: &mut BTreeMap<BranchId, u64>) -> Result<Row, String> {
    let cells: Cells = serde_json::from_str(line).map_err(|error| told(&error))?;
    let row = cells.row()?;
    if !header.branches.contains(&row.branch) {
        return Err(format!("branch {} is none of the branches in line 1", row.branch));
    }
    if row.at.0 > MAX_TIME_US {
        return Err(format!("time_us is {}: write 0 to {MAX_TIME_US}", row.at.0));
    }
    if let Some(last) = last.filter(|last| last.at > row.at) {
        return Err(format!("time goes back from {} to {} us: sort the rows by time", last.at.0, row.at.0));
    }
    let clock = clocks.entry(row.branch).or_default();
    let least = clock.checked_add(row.ticks.into());
    if least.is_none_or(|least| row.clock < least) {
        let (branch, ticks) = (row.branch, row.ticks);
        return Err(format!(
            "clock of branch {branch} is {} after {clock} and {ticks} more ticks: it only grows",
            row.clock
        ));
    }
    *clock = row.clock;
    Ok(row)
}

/// What serde says, without its own count of lines, of which there is one.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(reason) => format!("{reason} (column {})", error.column()),
        None => text,
    }
}

impl Header {
    fn write(&self) -> Written {
        let versions = self.before.0.iter().filter(|(_, version)| !version.is_empty());
        Written {
            branches: self.branches.iter().map(|branch| branch.value()).collect(),
            accounts: self.accounts.iter().map(|(account, &opening)| (account.0, opening)).collect(),
            links: self.links.iter().map(|(one, other)| (one.value(), other.value())).collect(),
            lost: self.lost,
            source: self.source,
            before: versions.map(|(id, version)| (id.value(), version.iter().collect())).collect(),
        }
    }

    fn read(line: &str) -> Result<Self, String> {
        let First { trace } =
            serde_json::from_str(line).map_err(|error| format!("{FIRST} is expected: {}", told(&error)))?;
        let branches = trace.branches.iter().map(|&id| branch(id)).collect::<Result<BTreeSet<_>, _>>()?;
        let known = |id| {
            let branch = branch(id)?;
            if branches.contains(&branch) { Ok(branch) } else { Err(format!("branch {id} is none of the branches")) }
        };
        let link = |(one, other): (u32, u32)| Ok::<_, String>((known(one.min(other))?, known(one.max(other))?));
        let version = |(id, entries): (u32, BTreeMap<Origin, u64>)| {
            Ok::<_, String>((known(id)?, entries.into_iter().collect::<Version>()))
        };
        Ok(Self {
            accounts: trace.accounts.into_iter().map(|(id, opening)| (AccountId(id), opening)).collect(),
            links: trace.links.into_iter().map(link).collect::<Result<_, _>>()?,
            lost: trace.lost,
            source: trace.source,
            before: Versions(trace.before.into_iter().map(version).collect::<Result<_, _>>()?),
            branches,
        })
    }
}

fn branch(id: u32) -> Result<BranchId, String> {
    BranchId::new(id).ok_or_else(|| "branch 0 is not right: branch ids begin at 1".to_owned())
}

/// Nothing here has a form that JSON lacks.
fn json(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
