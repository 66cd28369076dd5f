//! The branches of a bank as child processes, one each.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, time::Duration};

use super::{
    child::{Child, Ending},
    gathered::Gathered,
    supervised::Assignment,
    words::Introduction,
};
use crate::{
    bank::{
        config::{BankConfig, Life, shorten},
        ending,
        error::{self, BankError},
        files,
        local::ask_all,
        together::together,
    },
    branch::{Faults, Part},
    customer::{Customer, CustomerError, Status},
    trace::Trace,
    types::{AccountId, BranchId, Duration as Span, Terms, Time},
};

#[derive(Debug)]
pub(in crate::bank) struct Processes {
    config: BankConfig,
    program: Vec<OsString>,
    addresses: BTreeMap<BranchId, SocketAddr>,
    trace: Option<Gathered>,
    children: tokio::sync::Mutex<Children>,
}

#[derive(Debug, Default)]
struct Children {
    /// Those that were not killed.
    running: BTreeMap<BranchId, Child>,
    closed: bool,
}

impl Children {
    /// The highest Lamport clock of those that can be asked.
    async fn clock(&mut self) -> u64 {
        let awake = self.running.values_mut().filter(|child| !child.is_paused());
        let clocks = together(awake.map(Child::clock)).await;
        // One that has ended tells nothing any more, and whoever asks the bank next hears of it.
        clocks.into_iter().filter_map(Result::ok).max().unwrap_or(0)
    }

    /// The rows of each; `None` for one that has ended by itself, of which the trace is told.
    async fn hand_over(
        &mut self,
        trace: &Gathered,
        until: Time,
    ) -> BTreeMap<BranchId, Result<Option<Part>, BankError>> {
        let ask = async |(&branch, child): (&BranchId, &mut Child)| {
            let handed_over = match child.rows(until).await {
                Err(failure) if child.has_ended() => {
                    trace.ended(branch, &failure.to_string());
                    Ok(None)
                }
                other => other.map(Some),
            };
            (branch, handed_over)
        };
        together(self.running.iter_mut().map(ask)).await.into_iter().collect()
    }

    /// Before they end. Those that are paused go on.
    async fn resume(&mut self) {
        for child in self.running.values_mut() {
            if let Err(error) = child.resume().await {
                log::error!("{error}");
            }
        }
    }

    /// Lets them tell each other what they have decided. Of each, how many operations no other is known to have,
    /// if there are any.
    async fn flush(&mut self) -> BTreeMap<BranchId, u64> {
        let ask = async |(&branch, child): (&BranchId, &mut Child)| match child.flush().await {
            Ok(unshared) => (branch, unshared),
            Err(failure) => {
                log::warn!("{failure}");
                (branch, 0)
            }
        };
        // Of one that has ended before, it was said.
        let running = self.running.iter_mut().filter(|(_, child)| !child.has_ended());
        let unshared = together(running.map(ask)).await;
        unshared.into_iter().filter(|&(_, count)| count > 0).collect()
    }

    /// At last: what cannot be had is missing, and the trace says so.
    async fn hand_over_at_last(&mut self, trace: &Gathered) {
        let until = trace.now();
        for (branch, handed_over) in self.hand_over(trace, until).await {
            match handed_over {
                Ok(Some(part)) => trace.keep(branch, part),
                Ok(None) => {}
                Err(failure) => trace.ended(branch, &failure.to_string()),
            }
        }
    }
}

/// Tells each child what to be and who its peers are; returns where they listen.
async fn introduce(
    config: &BankConfig,
    children: &mut BTreeMap<BranchId, Child>,
    trace: Option<&Gathered>,
) -> Result<BTreeMap<BranchId, SocketAddr>, BankError> {
    let life = config.life_at_start();
    let assign = async |(&branch, child): (&BranchId, &mut Child)| {
        let listen = config.listen(branch);
        let recording = trace.map(Gathered::first_life);
        let assignment = Assignment::new(branch, life, listen, config, recording);
        child.assign(&assignment, listen).await.map(|address| (branch, address))
    };
    let assigned = together(children.iter_mut().map(assign)).await;
    let addresses = assigned.into_iter().collect::<Result<_, _>>()?;
    let introduction = introduction(&addresses, &Faults::default());
    let introduced = together(children.values_mut().map(|child| child.introduce(&introduction))).await;
    introduced.into_iter().collect::<Result<(), _>>()?;
    Ok(addresses)
}

impl Processes {
    pub(in crate::bank) async fn start(config: &BankConfig, program: &[OsString]) -> Result<Self, BankError> {
        let what = format!("a bank of {} in processes", shorten(config.branches.keys()));
        files::ensure(files::needed_by_parent(config), &what, "or take fewer branches")?;
        let trace = Gathered::new(config, &config.topology());
        let mut running = BTreeMap::new();
        for &branch in config.branches.keys() {
            running.insert(branch, Child::spawn(branch, program)?);
        }
        let addresses = match introduce(config, &mut running, trace.as_ref()).await {
            Ok(addresses) => addresses,
            Err(error) => {
                // A bank starts whole or not at all: when this is told, nothing is left of it.
                for child in running.values_mut() {
                    if let Err(survives) = child.kill().await {
                        log::error!("{survives}");
                    }
                }
                return Err(error);
            }
        };
        let children = tokio::sync::Mutex::new(Children { running, closed: false });
        Ok(Self { config: config.clone(), program: program.to_vec(), addresses, trace, children })
    }

    pub(in crate::bank) fn addresses(&self) -> BTreeMap<BranchId, SocketAddr> {
        self.addresses.clone()
    }

    pub(in crate::bank) async fn kill(&self, branch: BranchId) -> Result<(), BankError> {
        let mut children = self.children.lock().await;
        if children.closed {
            return Err(BankError::Closed);
        }
        let mut child = children.running.remove(&branch).ok_or(BankError::NotRunning { branch })?;
        if let Err(failure) = child.check().await {
            self.ended(branch, &failure.to_string());
            return Err(failure);
        }
        // Whatever comes now, it ends: a child that is dropped is killed too.
        self.ended(branch, "kill -9");
        child.kill().await
    }

    fn ended(&self, branch: BranchId, why: &str) {
        if let Some(trace) = &self.trace {
            trace.ended(branch, why);
        }
    }

    /// Lets these faults befall a branch, and no others: its process is held, or told. Nothing befalls a
    /// branch that does not run.
    pub(in crate::bank) async fn befall(&self, branch: BranchId, faults: &Faults) -> Result<(), BankError> {
        let mut children = self.children.lock().await;
        let Some(child) = children.running.get_mut(&branch) else { return Ok(()) };
        if !faults.paused {
            child.resume().await?;
            child.befall(faults).await
        } else if child.is_paused() {
            // It is told when it goes on.
            Ok(())
        } else {
            child.befall(faults).await?;
            child.pause().await
        }
    }

    pub(in crate::bank) async fn is_running(&self, branch: BranchId) -> bool {
        self.children.lock().await.running.contains_key(&branch)
    }

    pub(in crate::bank) async fn restart(
        &self,
        branch: BranchId,
        address: SocketAddr,
        faults: &Faults,
    ) -> Result<(), BankError> {
        let mut children = self.children.lock().await;
        if children.closed {
            return Err(BankError::Closed);
        }
        if let Some(child) = children.running.get_mut(&branch) {
            let failure = child.check().await.err().ok_or(BankError::AlreadyRunning { branch })?;
            log::warn!("{failure}: it is restarted");
            children.running.remove(&branch);
            self.ended(branch, &failure.to_string());
        }
        let life = match &self.trace {
            Some(trace) => Some((trace, trace.next_life(branch, children.clock().await))),
            None => None,
        };
        let mut child = Child::spawn(branch, &self.program)?;
        let recording = life.map(|(_, beginning)| beginning.line);
        child.assign(&Assignment::new(branch, Life::Later, address, &self.config, recording), address).await?;
        child.introduce(&introduction(&self.addresses, faults)).await?;
        if let Some((trace, beginning)) = life {
            trace.began(beginning, self.config.data_dir.is_some());
        }
        children.running.insert(branch, child);
        Ok(())
    }

    /// What has happened until now, as far as it was not lost with a process; `None` without a trace.
    ///
    /// # Errors
    /// [`BankError::Paused`] for a branch that cannot be asked.
    pub(in crate::bank) async fn trace(&self) -> Result<Option<Trace>, BankError> {
        let Some(trace) = &self.trace else { return Ok(None) };
        let mut children = self.children.lock().await;
        // All are cut at one moment: no message is received in their rows that was not sent in them.
        let until = trace.now();
        let mut parts = Vec::new();
        for part in children.hand_over(trace, until).await.into_values() {
            parts.extend(part?);
        }
        Ok(Some(trace.trace(trace.now(), parts)))
    }

    /// The branches that ended without having been told or killed, and why.
    pub(in crate::bank) async fn failures(&self) -> BTreeMap<BranchId, BankError> {
        let mut failures = BTreeMap::new();
        for (&branch, child) in &mut self.children.lock().await.running {
            if let Err(failure) = child.check().await {
                failures.insert(branch, failure);
            }
        }
        failures
    }

    /// Where those branches are that run.
    async fn running(&self) -> Result<BTreeMap<BranchId, SocketAddr>, BankError> {
        let mut children = self.children.lock().await;
        let mut running = BTreeMap::new();
        for (branch, &address) in &self.addresses {
            if let Some(child) = children.running.get_mut(branch) {
                child.check().await?;
                running.insert(*branch, address);
            }
        }
        Ok(running)
    }

    pub(in crate::bank) async fn statuses(&self, within: Duration) -> Result<BTreeMap<BranchId, Status>, BankError> {
        let questions = self.running().await?.into_iter().map(|(id, address)| {
            (id, async move { Ok(Customer::connect(&address.to_string(), within).await?.status(within).await?) })
        });
        let answers = ask_all(questions).await;
        if answers.is_err() {
            // Better than that nobody answers there is why.
            self.running().await?;
        }
        answers
    }

    pub(in crate::bank) async fn wait_until_converged(&self, within: Duration) -> Result<(), BankError> {
        let statuses = self.statuses(within).await?;
        let target = error::join_versions(&statuses);
        let account = statuses.values().flat_map(|status| status.snapshot.balances.keys()).next().copied();
        let account = account.unwrap_or(AccountId::DEFAULT);
        let wait = Span(u64::try_from(within.as_micros()).unwrap_or(u64::MAX));
        let terms = Terms { at_least: target.clone(), wait, ..Terms::default() };
        let questions = self.running().await?.into_iter().map(|(id, address)| {
            let terms = terms.clone();
            let question = async move {
                let customer = Customer::connect(&address.to_string(), within).await?;
                match customer.query(account, false, &terms).await {
                    Ok(_) => Ok(true),
                    Err(CustomerError::Behind { .. }) => Ok(false),
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

    pub(in crate::bank) async fn close(&self) -> BTreeMap<BranchId, u64> {
        let mut children = self.children.lock().await;
        children.closed = true;
        children.resume().await;
        let unshared = children.flush().await;
        for (&branch, &count) in &unshared {
            ending::report(branch, count, self.config.data_dir.is_some());
        }
        if let Some(trace) = &self.trace {
            children.hand_over_at_last(trace).await;
        }
        let mut told = Vec::new();
        for child in std::mem::take(&mut children.running).into_values() {
            told.push(child.end().await);
        }
        together(told.into_iter().map(Ending::wait)).await;
        unshared
    }
}

fn introduction(addresses: &BTreeMap<BranchId, SocketAddr>, faults: &Faults) -> Introduction {
    let peers = addresses.iter().map(|(id, address)| (id.value(), address.to_string())).collect();
    Introduction { peers, faults: faults.into() }
}
