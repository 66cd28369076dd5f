//! The branches of a bank as child processes, one each: the parent's side of the conversation.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, process::Stdio, time::Duration};

use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    BankConfig, BankError,
    config::shorten,
    error, files,
    local::ask_all,
    supervised::{Assignment, Peers, Word},
};
use crate::{
    customer::{Customer, CustomerError, Status},
    types::{AccountId, BranchId, Duration as Span, Refusal, Terms},
};

/// How long a child may take to start, and to end once told.
const START_WITHIN: Duration = Duration::from_secs(30);
const END_WITHIN: Duration = Duration::from_secs(3);

/// The most of a dead child's standard error that is quoted.
const LAST_WORDS_BYTES: u64 = 4096;

#[derive(Debug)]
pub(super) struct Processes {
    addresses: BTreeMap<BranchId, SocketAddr>,
    children: tokio::sync::Mutex<Vec<Supervised>>,
}

/// One child. Its end, and that of its standard input, go together.
#[derive(Debug)]
struct Supervised {
    branch: BranchId,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    errors: ChildStderr,
}

impl Processes {
    pub(super) async fn start(config: &BankConfig, program: &[OsString]) -> Result<Self, BankError> {
        files::ensure(files::needed_by_parent(config), &format!("a bank of {}", shorten(config.branches.keys())))?;
        let mut children = Vec::with_capacity(config.branches.len());
        for &branch in config.branches.keys() {
            children.push(Supervised::spawn(branch, program)?);
        }
        for child in &mut children {
            let assignment = Assignment::new(child.branch, config);
            child.say(&assignment).await?;
        }
        let mut addresses = BTreeMap::new();
        for child in &mut children {
            match child.hear().await? {
                Word::Listening(address) => addresses.insert(child.branch, address),
                Word::Refused { reason, in_use } => {
                    let (branch, address) = (child.branch, config.listen(child.branch).to_string());
                    return Err(BankError::Listen { branch, address, reason, in_use });
                }
                Word::Ready => return Err(child.failed("it was ready before it listened")),
            };
        }
        let peers: Peers = addresses.iter().map(|(id, address)| (id.value(), address.to_string())).collect();
        for child in &mut children {
            child.say(&peers).await?;
        }
        for child in &mut children {
            match child.hear().await? {
                Word::Ready => {}
                Word::Listening(_) | Word::Refused { .. } => return Err(child.failed("it did not get ready")),
            }
        }
        Ok(Self { addresses, children: tokio::sync::Mutex::new(children) })
    }

    pub(super) fn addresses(&self) -> BTreeMap<BranchId, SocketAddr> {
        self.addresses.clone()
    }

    pub(super) async fn statuses(&self, within: Duration) -> Result<BTreeMap<BranchId, Status>, BankError> {
        let questions = self.addresses.clone().into_iter().map(|(id, address)| {
            (id, async move { Ok(Customer::connect(&address.to_string(), within).await?.status(within).await?) })
        });
        ask_all(questions).await
    }

    pub(super) async fn wait_until_converged(&self, within: Duration) -> Result<(), BankError> {
        let statuses = self.statuses(within).await?;
        let target = error::join_versions(&statuses);
        let account = statuses.values().flat_map(|status| status.snapshot.balances.keys()).next().copied();
        let account = account.unwrap_or(AccountId::DEFAULT);
        let wait = Span(u64::try_from(within.as_micros()).unwrap_or(u64::MAX));
        let terms = Terms { at_least: target.clone(), wait, ..Terms::default() };
        let questions = self.addresses.clone().into_iter().map(|(id, address)| {
            let terms = terms.clone();
            let question = async move {
                let customer = Customer::connect(&address.to_string(), within).await?;
                match customer.query(account, false, &terms).await {
                    Ok(_) => Ok(true),
                    Err(CustomerError::Refused(Refusal::VersionNotReached)) => Ok(false),
                    Err(error) => Err(BankError::from(error)),
                }
            };
            (id, question)
        });
        if ask_all(questions).await?.into_values().all(|reached| reached) {
            return Ok(());
        }
        Err(error::not_converged(&self.statuses(within).await?, &target, within))
    }

    pub(super) async fn close(&self) {
        let mut ending = Vec::new();
        for child in std::mem::take(&mut *self.children.lock().await) {
            // The end of its input tells the child to end.
            drop(child.input);
            ending.push((child.branch, child.child));
        }
        for (branch, mut child) in ending {
            if timeout(END_WITHIN, child.wait()).await.is_err() {
                log::warn!("branch {branch} did not end when told and is killed");
                if let Err(error) = child.kill().await {
                    log::error!("branch {branch} cannot be killed: {error}");
                }
            }
        }
    }
}

impl Supervised {
    fn spawn(branch: BranchId, program: &[OsString]) -> Result<Self, BankError> {
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
        let mut child = command.spawn().map_err(|error| failed(&format!("{name:?} does not start: {error}")))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(failed("its pipes are missing"));
        };
        Ok(Self { branch, child, input, output: BufReader::new(output).lines(), errors })
    }

    fn failed(&self, reason: &str) -> BankError {
        BankError::Process { branch: self.branch, reason: reason.to_owned() }
    }

    async fn say(&mut self, line: &impl Serialize) -> Result<(), BankError> {
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
            Err(_) => Err(self.failed(&format!("its process did not answer within {START_WITHIN:?}"))),
        }
    }

    /// What a child that has ended left on its standard error.
    async fn last_words(&mut self) -> BankError {
        let mut words = Vec::new();
        let mut errors = (&mut self.errors).take(LAST_WORDS_BYTES);
        let end = async {
            // Without its words, the status has to do.
            let _ = errors.read_to_end(&mut words).await;
            self.child.wait().await
        };
        let status = match timeout(END_WITHIN, end).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no exit status".to_owned(),
        };
        let words = String::from_utf8_lossy(&words);
        self.failed(&format!("its process ended ({status}): {}", words.trim()))
    }
}
