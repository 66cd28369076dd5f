//! The child's side of a bank of processes. The parent speaks on standard input, the child answers
//! on standard output, one JSON document a line; when the input ends, so does the child. So nothing
//! outlives its parent, however that ends. The parent says what the child is to be, then who its peers
//! are, and then whatever it has to ask; each line has one answer.

use std::{collections::BTreeSet, io, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};

use super::{
    epoch,
    words::{Introduction, Question, ROWS_A_LINE, RecordingLine, Word},
};
use crate::{
    bank::{
        config::{BankConfig, Life},
        error::BankError,
        served::Served,
    },
    branch::{self, Data, Recording},
    record::Recorder,
    store::Durability,
    topology::Shape,
    trace::Room,
    types::{AccountId, BranchId, Incarnation, Origin, Propagation, Time},
};

/// The first line from the parent: the branch to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::bank) struct Assignment {
    pub(in crate::bank) branch: u32,
    pub(in crate::bank) incarnation: u64,
    pub(in crate::bank) had_lives: bool,
    pub(in crate::bank) listen: String,
    pub(in crate::bank) branches: Vec<u32>,
    pub(in crate::bank) accounts: Vec<(u64, i64)>,
    pub(in crate::bank) shape: Shape,
    pub(in crate::bank) propagation: Propagation,
    pub(in crate::bank) propagation_delay_us: u64,
    pub(in crate::bank) data: Option<(PathBuf, Durability)>,
    pub(in crate::bank) recording: Option<RecordingLine>,
}

impl Assignment {
    pub(in crate::bank) fn new(
        branch: BranchId,
        life: Life,
        listen: SocketAddr,
        config: &BankConfig,
        recording: Option<RecordingLine>,
    ) -> Self {
        let data = config.data(branch).map(|data| (data.directory, data.durability));
        Self {
            branch: branch.value(),
            incarnation: config.incarnation(life).0,
            had_lives: life == Life::Later,
            listen: listen.to_string(),
            data,
            recording,
            branches: config.branches.keys().map(|branch| branch.value()).collect(),
            accounts: config.accounts.iter().map(|(account, &opening)| (account.0, opening)).collect(),
            shape: config.shape,
            propagation: config.propagation,
            propagation_delay_us: u64::try_from(config.propagation_delay.as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn config(&self) -> Result<branch::Config, String> {
        let id = |value: u32| BranchId::new(value).ok_or("a branch id is 0".to_owned());
        let own = Origin { branch: id(self.branch)?, incarnation: Incarnation(self.incarnation) };
        let branches = self.branches.iter().copied().map(id).collect::<Result<_, _>>()?;
        Ok(branch::Config {
            own,
            had_lives: self.had_lives,
            recording: self.recording.map(|line| recording(own.branch, &branches, line)),
            topology: branch::topology(self.shape, self.propagation, &branches),
            branches,
            accounts: self.accounts.iter().map(|&(account, opening)| (AccountId(account), opening)).collect(),
            propagation: self.propagation,
            propagation_delay: Duration::from_micros(self.propagation_delay_us),
        })
    }

    fn data(&self) -> Option<Data> {
        self.data.clone().map(|(directory, durability)| Data { directory, durability })
    }
}

/// Its part of the bank's trace, on the bank's time.
fn recording(branch: BranchId, branches: &BTreeSet<BranchId>, line: RecordingLine) -> Recording {
    let mut recorder = Recorder::new(branch, branches, Room::new(line.capacity));
    recorder.resume(line.clock, line.messages);
    Recording::new(recorder, epoch::instant(line.began_ns))
}

/// Serves one branch as its parent says, until standard input ends. To be the whole work of a
/// process that `BankConfig::program` starts.
///
/// # Errors
/// [`BankError`] if the parent's words make no sense or the branch cannot serve; the parent has been
/// told.
pub async fn supervised() -> Result<(), BankError> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let Some(assignment) = hear::<Assignment>(&mut lines).await? else { return Ok(()) };
    let understood = assignment.config().map(|config| (config, assignment.data()));
    let (config, data) = understood.map_err(|reason| BankError::Config { reason })?;
    let served = match Served::bind(config, &assignment.listen, data).await {
        Ok(served) => served,
        Err(error) => return Err(refuse(error).await?),
    };
    say(&Word::Listening(served.address())).await?;
    if let Some(Introduction { peers, faults }) = hear(&mut lines).await? {
        served.befall(faults.into());
        let peers = peers.into_iter().filter_map(|(id, address)| Some((BranchId::new(id)?, address))).collect();
        served.connect(&peers).await;
        say(&Word::Ready).await?;
        let mut is_flushed = false;
        let ended = tokio::select! {
            ended = answer_all(&served, &mut lines, &mut is_flushed) => ended,
            failure = served.failed() => Err(refuse(failure).await?),
        };
        if is_flushed || ended.is_err() {
            served.stop().await;
        } else {
            served.close().await;
        }
        return ended;
    }
    served.close().await;
    Ok(())
}

/// Answers questions until there are no more.
async fn answer_all(
    served: &Served,
    lines: &mut Lines<BufReader<Stdin>>,
    is_flushed: &mut bool,
) -> Result<(), BankError> {
    while let Some(question) = hear::<Question>(lines).await? {
        let word = match question {
            Question::Befall(faults) => {
                served.befall(faults.into());
                Word::Done
            }
            Question::Flush => {
                *is_flushed = true;
                Word::Flushed(served.flush().await)
            }
            Question::Rows { until_us, from } => match served.part(Time(until_us), from, ROWS_A_LINE) {
                Some(part) => Word::Rows(part.into()),
                None => Word::Refused { reason: "it keeps no trace".to_owned(), in_use: false },
            },
        };
        say(&word).await?;
    }
    Ok(())
}

/// Tells the parent why there is no branch here; gives the reason back. That of a panic is in the log.
async fn refuse(error: BankError) -> Result<BankError, BankError> {
    if matches!(error, BankError::Process { .. }) {
        return Ok(error);
    }
    let word = if let BankError::Listen { reason, in_use, .. } = &error {
        Word::Refused { reason: reason.clone(), in_use: *in_use }
    } else if let BankError::Store { reason, .. } = &error {
        Word::Unusable { reason: reason.clone() }
    } else {
        Word::Refused { reason: error.to_string(), in_use: false }
    };
    say(&word).await?;
    Ok(error)
}

fn broken(error: io::Error) -> BankError {
    BankError::Config { reason: format!("the pipe to the parent: {error}") }
}

async fn hear<T: for<'de> Deserialize<'de>>(lines: &mut Lines<BufReader<Stdin>>) -> Result<Option<T>, BankError> {
    let Some(line) = lines.next_line().await.map_err(broken)? else { return Ok(None) };
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|error| BankError::Config { reason: format!("the parent's line {line:?}: {error}") })
}

async fn say(word: &Word) -> Result<(), BankError> {
    let mut line = serde_json::to_string(word).map_err(io::Error::from).map_err(broken)?;
    line.push('\n');
    let mut output = tokio::io::stdout();
    output.write_all(line.as_bytes()).await.map_err(broken)?;
    output.flush().await.map_err(broken)
}
