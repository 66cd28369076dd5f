//! One branch's child process: the parent's side of the conversation.

use std::{ffi::OsString, net::SocketAddr, process::Stdio, time::Duration};

use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{BankError, supervised::Word};
use crate::{customer::seconds, types::BranchId};

/// How long a child may take to start, and to end once told.
const START_WITHIN: Duration = Duration::from_secs(30);
pub(super) const END_WITHIN: Duration = Duration::from_secs(3);

/// The most of a dead child's standard error that is quoted.
const LAST_WORDS_BYTES: u64 = 4096;

/// One child. Its end, and that of its standard input, go together.
#[derive(Debug)]
pub(super) struct Child {
    branch: BranchId,
    process: Process,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
    /// Why it has ended, if that was noticed.
    failure: Option<BankError>,
}

impl Child {
    pub(super) fn spawn(branch: BranchId, program: &[OsString]) -> Result<Self, BankError> {
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
        Ok(Self { branch, process, input, output: BufReader::new(output).lines(), errors, failure: None })
    }

    pub(super) async fn kill(&mut self) -> Result<(), BankError> {
        self.process.kill().await.map_err(|error| self.failed(&format!("it cannot be killed: {error}")))
    }

    /// Tells it to end, which the end of its input does.
    pub(super) fn end(self) -> Process {
        self.process
    }

    fn failed(&self, reason: &str) -> BankError {
        BankError::Process { branch: self.branch, reason: reason.to_owned() }
    }

    pub(super) async fn say(&mut self, line: &impl Serialize) -> Result<(), BankError> {
        let mut text = serde_json::to_string(line).map_err(|error| self.failed(&error.to_string()))?;
        text.push('\n');
        if self.input.write_all(text.as_bytes()).await.is_err() {
            return Err(self.last_words().await);
        }
        Ok(())
    }

    async fn hear(&mut self) -> Result<Word, BankError> {
        match timeout(START_WITHIN, self.output.next_line()).await {
            Ok(Ok(Some(line))) => {
                serde_json::from_str(&line).map_err(|error| self.failed(&format!("it said {line:?} ({error})")))
            }
            Ok(Ok(None) | Err(_)) => Err(self.last_words().await),
            Err(_) => Err(self.failed(&format!("its process did not answer within {}", seconds(START_WITHIN)))),
        }
    }

    pub(super) async fn hear_address(&mut self, listen: SocketAddr) -> Result<SocketAddr, BankError> {
        let branch = self.branch;
        match self.hear().await? {
            Word::Listening(address) => Ok(address),
            Word::Refused { reason, in_use } => {
                Err(BankError::Listen { branch, address: listen.to_string(), reason, in_use })
            }
            Word::Unusable { reason } => Err(BankError::Store { branch, reason }),
            Word::Ready => Err(self.failed("it was ready before it listened")),
        }
    }

    pub(super) async fn hear_ready(&mut self) -> Result<(), BankError> {
        match self.hear().await? {
            Word::Ready => Ok(()),
            Word::Unusable { reason } => Err(BankError::Store { branch: self.branch, reason }),
            Word::Listening(_) | Word::Refused { .. } => Err(self.failed("it did not get ready")),
        }
    }

    /// # Errors
    /// Why it has ended, if it has.
    pub(super) async fn check(&mut self) -> Result<(), BankError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if matches!(self.process.try_wait(), Ok(None)) {
            return Ok(());
        }
        let failure = self.last_words().await;
        self.failure = Some(failure.clone());
        Err(failure)
    }

    /// What a child that has ended said at last: on its standard output, or else on its standard error.
    async fn last_words(&mut self) -> BankError {
        let mut words = Vec::new();
        let mut errors = (&mut self.errors).take(LAST_WORDS_BYTES);
        let end = async {
            // Without its words, the status has to do.
            let _ = errors.read_to_end(&mut words).await;
            let said = self.output.next_line().await;
            (self.process.wait().await, said)
        };
        let (status, said) = match timeout(END_WITHIN, end).await {
            Ok((Ok(status), said)) => (status.to_string(), said.ok().flatten()),
            Ok((Err(error), said)) => (error.to_string(), said.ok().flatten()),
            Err(_) => ("no exit status".to_owned(), None),
        };
        if let Some(Ok(Word::Unusable { reason })) = said.map(|line| serde_json::from_str(&line)) {
            return BankError::Store { branch: self.branch, reason };
        }
        let words = String::from_utf8_lossy(&words);
        self.failed(format!("its process ended ({status}): {}", words.trim()).trim_end_matches(": "))
    }
}
