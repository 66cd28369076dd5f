//! One branch's child process: the parent's side of the conversation.

use std::{ffi::OsString, net::SocketAddr, process::Stdio, time::Duration};

use serde::Serialize;
use tokio::{
    process::{Child as Process, Command},
    time::timeout,
};

use super::{
    child_log::ChildLog,
    talk::{Asker, Talk},
    warden::{END_WITHIN, Warden},
    words::{Question, Word},
};
use crate::{
    bank::error::BankError,
    branch::{Faults, Part},
    customer::seconds,
    types::{BranchId, Time},
};

/// How long a child may take to start, and to answer.
const START_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// One child. Its end, and that of its standard input, go together.
#[derive(Debug)]
pub(in crate::bank) struct Child {
    branch: BranchId,
    process: Process,
    talk: Talk,
    log: ChildLog,
    /// While it is paused.
    warden: Option<Warden>,
    /// Why it has ended, if that was noticed.
    failure: Option<BankError>,
}

impl Child {
    pub(in crate::bank) fn spawn(branch: BranchId, program: &[OsString]) -> Result<Self, BankError> {
        let failed = |reason: &str| BankError::Process { branch, reason: reason.to_owned() };
        let (name, arguments) = program.split_first().ok_or_else(|| failed("no program was given to start it"))?;
        let mut command = Command::new(name);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C on the terminal is for the parent, which then ends its children.
            .process_group(0)
            .kill_on_drop(true);
        let mut process = command.spawn().map_err(|error| failed(&format!("{name:?} does not start: {error}")))?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(failed("its pipes are missing"));
        };
        let (talk, log) = (Talk::begin(input, output), ChildLog::follow(branch, errors));
        Ok(Self { branch, process, talk, log, warden: None, failure: None })
    }

    pub(in crate::bank) async fn kill(&mut self) -> Result<(), BankError> {
        self.process.kill().await.map_err(|error| self.failed(&format!("it cannot be killed: {error}")))?;
        match self.warden.take() {
            Some(warden) => warden.release().await,
            None => Ok(()),
        }
    }

    /// Tells it to end, which the end of its input does.
    pub(in crate::bank) async fn end(mut self) -> Ending {
        if let Err(error) = self.resume().await {
            log::error!("{error}");
        }
        Ending { branch: self.branch, process: self.process, log: self.log }
    }

    /// Holds it still. Harmless when called again.
    pub(in crate::bank) async fn pause(&mut self) -> Result<(), BankError> {
        self.check().await?;
        if self.warden.is_none() {
            let process_id = self.process.id().ok_or_else(|| self.failed("its process has ended"))?;
            self.warden = Some(Warden::hold(self.branch, process_id).await?);
        }
        Ok(())
    }

    /// Lets it go on. Harmless when it is not paused.
    pub(in crate::bank) async fn resume(&mut self) -> Result<(), BankError> {
        match self.warden.take() {
            Some(warden) => warden.release().await,
            None => Ok(()),
        }
    }

    pub(in crate::bank) fn is_paused(&self) -> bool {
        self.warden.is_some()
    }

    fn failed(&self, reason: &str) -> BankError {
        BankError::Process { branch: self.branch, reason: reason.to_owned() }
    }

    async fn ask(&mut self, line: &impl Serialize, within: Duration) -> Result<Word, BankError> {
        match ask(self.branch, &self.talk.asker(), line, within).await? {
            Some(word) => Ok(word),
            None => Err(self.ended().await),
        }
    }

    /// Tells it what to be; returns where it listens.
    pub(in crate::bank) async fn assign(
        &mut self,
        assignment: &impl Serialize,
        listen: SocketAddr,
    ) -> Result<SocketAddr, BankError> {
        let branch = self.branch;
        match self.ask(assignment, START_WITHIN).await? {
            Word::Listening(address) => Ok(address),
            Word::Refused { reason, in_use } => {
                Err(BankError::Listen { branch, address: listen.to_string(), reason, in_use })
            }
            Word::Unusable { reason } => Err(BankError::Store { branch, reason }),
            Word::Ready | Word::Done | Word::Flushed(_) | Word::Rows(_) => {
                Err(self.failed("it was ready before it listened"))
            }
        }
    }

    /// Tells it who its peers are; returns when it serves.
    pub(in crate::bank) async fn introduce(&mut self, peers: &impl Serialize) -> Result<(), BankError> {
        match self.ask(peers, START_WITHIN).await? {
            Word::Ready => Ok(()),
            Word::Unusable { reason } => Err(BankError::Store { branch: self.branch, reason }),
            Word::Listening(_) | Word::Refused { .. } | Word::Done | Word::Flushed(_) | Word::Rows(_) => {
                Err(self.failed("it did not get ready"))
            }
        }
    }

    /// Lets these faults befall it from now on, and no others. Not to be asked while it is paused.
    pub(in crate::bank) async fn befall(&mut self, faults: &Faults) -> Result<(), BankError> {
        match self.ask(&Question::Befall(faults.into()), ANSWER_WITHIN).await? {
            Word::Done => Ok(()),
            Word::Unusable { reason } => Err(BankError::Store { branch: self.branch, reason }),
            Word::Listening(_) | Word::Refused { .. } | Word::Ready | Word::Flushed(_) | Word::Rows(_) => {
                Err(self.misunderstood())
            }
        }
    }

    /// Lets it take no more requests, and tell what it has decided. How many of its operations no other branch is
    /// known to have. Not to be asked while it is paused.
    pub(in crate::bank) async fn flush(&mut self) -> Result<u64, BankError> {
        match self.ask(&Question::Flush, ANSWER_WITHIN).await? {
            Word::Flushed(unshared) => Ok(unshared),
            Word::Unusable { reason } => Err(BankError::Store { branch: self.branch, reason }),
            Word::Listening(_) | Word::Refused { .. } | Word::Ready | Word::Done | Word::Rows(_) => {
                Err(self.misunderstood())
            }
        }
    }

    fn misunderstood(&self) -> BankError {
        self.failed("it misunderstood a question")
    }

    /// Everything that it has written of before `until`, in lines of a bounded length.
    ///
    /// # Errors
    /// [`BankError::Paused`], or why it does not tell.
    pub(in crate::bank) async fn rows(&mut self, until: Time) -> Result<Part, BankError> {
        let mut all = self.part(until, 0).await?;
        while !all.is_last {
            let mut more = self.part(until, all.rows.len()).await?;
            if more.rows.is_empty() && !more.is_last {
                return Err(self.misunderstood());
            }
            all.rows.append(&mut more.rows);
            all = Part { rows: all.rows, ..more };
        }
        Ok(all)
    }

    /// Its Lamport clock now.
    pub(in crate::bank) async fn clock(&mut self) -> Result<u64, BankError> {
        Ok(self.part(Time(0), 0).await?.clock)
    }

    async fn part(&mut self, until: Time, from: usize) -> Result<Part, BankError> {
        if self.is_paused() {
            return Err(BankError::Paused { branch: self.branch });
        }
        match self.ask(&Question::Rows { until_us: until.0, from }, ANSWER_WITHIN).await? {
            Word::Rows(line) => Ok(line.into()),
            Word::Unusable { reason } => Err(BankError::Store { branch: self.branch, reason }),
            Word::Listening(_) | Word::Refused { .. } | Word::Ready | Word::Done | Word::Flushed(_) => {
                Err(self.misunderstood())
            }
        }
    }

    /// # Errors
    /// Why it has ended, if it has.
    pub(in crate::bank) async fn check(&mut self) -> Result<(), BankError> {
        if self.failure.is_none() && matches!(self.process.try_wait(), Ok(None)) {
            return Ok(());
        }
        Err(self.ended().await)
    }

    /// Whether it was noticed that it has ended.
    pub(in crate::bank) fn has_ended(&self) -> bool {
        self.failure.is_some()
    }

    /// Why it has ended.
    async fn ended(&mut self) -> BankError {
        if let Some(failure) = &self.failure {
            return failure.clone();
        }
        let failure = self.last_words().await;
        self.failure = Some(failure.clone());
        failure
    }

    /// What a child that has ended said at last: on its standard output, or else on its standard error.
    async fn last_words(&mut self) -> BankError {
        let end = async {
            self.log.ended().await;
            let said = self.talk.last_words().await;
            (self.process.wait().await, said)
        };
        let (status, said) = match timeout(END_WITHIN, end).await {
            Ok((Ok(status), said)) => (status.to_string(), said),
            Ok((Err(error), said)) => (error.to_string(), said),
            Err(_) => ("no exit status".to_owned(), None),
        };
        if let Some(Ok(Word::Unusable { reason })) = said.map(|line| serde_json::from_str(&line)) {
            return BankError::Store { branch: self.branch, reason };
        }
        self.failed(format!("its process ended ({status}): {}", self.log.last_words()).trim_end_matches(": "))
    }
}

/// A child that was told to end.
pub(in crate::bank) struct Ending {
    branch: BranchId,
    process: Process,
    log: ChildLog,
}

impl Ending {
    /// Returns when it has ended, and the log has its last lines. One that does not end is killed.
    pub(in crate::bank) async fn wait(mut self) {
        let branch = self.branch;
        if timeout(END_WITHIN, self.process.wait()).await.is_err() {
            log::warn!("branch {branch} did not end when told and is killed");
            if let Err(error) = self.process.kill().await {
                log::error!("branch {branch} cannot be killed: {error}");
            }
        }
        if timeout(END_WITHIN, self.log.ended()).await.is_err() {
            log::warn!("branch {branch} has ended, but not its log: another process has it too");
        }
    }
}

/// Asks a child; `None` if it has ended.
async fn ask(
    branch: BranchId,
    asker: &Asker,
    line: &impl Serialize,
    within: Duration,
) -> Result<Option<Word>, BankError> {
    let failed = |reason: String| BankError::Process { branch, reason };
    let line = serde_json::to_string(line).map_err(|error| failed(error.to_string()))?;
    match timeout(within, asker.ask(line)).await {
        Ok(Some(answer)) => match serde_json::from_str(&answer) {
            Ok(word) => Ok(Some(word)),
            Err(error) => Err(failed(format!("it said {answer:?} ({error})"))),
        },
        Ok(None) => Ok(None),
        Err(_) => Err(failed(format!("its process did not answer within {}", seconds(within)))),
    }
}
