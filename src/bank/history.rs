//! The history of a live bank: what its customers asked and were told, for the checkers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Bank, BankConfig, BankError};
use crate::{
    check::{Event, History, Kind},
    customer::{Journal, Page, Status},
    types::{AccountId, BranchId},
};

/// How long branches may take to say where they are.
const SETTLED_WITHIN: Duration = Duration::from_secs(2);

/// What a bank needs to know to tell its history.
#[derive(Debug)]
pub(super) struct Told {
    journal: Arc<Journal>,
    accounts: BTreeMap<AccountId, i64>,
    keeps_data: bool,
    /// How much was in the data directory at first.
    operations_before: u64,
}

impl Told {
    /// `None`: no trace is asked for.
    pub(super) fn new(config: &BankConfig) -> Option<Self> {
        (config.trace_capacity > 0).then(|| Self {
            journal: Journal::new(std::time::Instant::now(), config.trace_capacity),
            accounts: config.accounts.clone(),
            keeps_data: config.data_dir.is_some(),
            operations_before: 0,
        })
    }

    /// What the branches had before anybody asked them for anything.
    pub(super) fn begins_at(&mut self, statuses: &BTreeMap<BranchId, Status>) {
        let version = super::error::join_versions(statuses);
        self.operations_before = version.iter().map(|(_, sequence)| sequence).sum();
    }

    pub(super) fn keeps_data(&self) -> bool {
        self.keeps_data
    }

    pub(super) fn journal(&self) -> Arc<Journal> {
        self.journal.clone()
    }

    pub(super) fn restarts(&self, branch: BranchId) {
        self.journal.restarted(branch, self.keeps_data);
    }
}

impl Bank {
    /// What customers that [`Bank::customer`] has made asked and were told, and the branches that came
    /// back; and how many events found no room, in which case it is the beginning of the truth. If
    /// nobody waits for an answer and every branch runs and has everything, it ends with the settled end.
    ///
    /// # Errors
    /// [`BankError::Config`] if the bank keeps none, or went on from a data directory that was used
    /// before: what was done then, no history of this bank explains.
    pub async fn history(&self) -> Result<(History, u64), BankError> {
        let Some(told) = &self.told else {
            let reason = "this bank keeps no history: start it with a trace".to_owned();
            return Err(BankError::Config { reason });
        };
        if told.operations_before > 0 {
            let reason = format!(
                "this bank went on from a data directory with {} operations, which no history of it explains: begin \
                 with an empty one",
                told.operations_before
            );
            return Err(BankError::Config { reason });
        }
        let before = told.journal.page();
        let settled = self.settled(&before).await;
        let Page { mut events, is_waited_for, lost } = told.journal.page();
        if let Some(statuses) = settled
            && !is_waited_for
            && events.len() == before.events.len()
        {
            let at = told.journal.now();
            events.extend(statuses.into_iter().map(|(branch, status)| {
                let version = Some(status.snapshot.version);
                Event { at, kind: Kind::Final { branch, balances: status.snapshot.balances, version } }
            }));
        }
        let branches = self.addresses.keys().copied().collect();
        Ok((History { branches, accounts: told.accounts.clone(), events }, lost))
    }

    /// The state of every branch, if nobody waits for anything and all have the same.
    async fn settled(&self, page: &Page) -> Option<BTreeMap<BranchId, Status>> {
        if page.is_waited_for || page.lost > 0 {
            return None;
        }
        let statuses = self.statuses(SETTLED_WITHIN).await.ok()?;
        let all = super::error::join_versions(&statuses);
        let is_settled =
            statuses.len() == self.addresses.len() && statuses.values().all(|status| status.snapshot.version == all);
        is_settled.then_some(statuses)
    }
}
