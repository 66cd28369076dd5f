//! What a live bank keeps to tell its history.

use std::{collections::BTreeMap, sync::Arc};

use super::{config::BankConfig, error::join_versions};
use crate::{
    customer::{Journal, Status},
    types::{AccountId, BranchId},
};

/// What a bank needs to know to tell its history.
#[derive(Debug)]
pub(super) struct HistoryKeeper {
    pub(super) journal: Arc<Journal>,
    pub(super) accounts: BTreeMap<AccountId, i64>,
    keeps_data: bool,
    /// How much was in the data directory at first.
    pub(super) operations_before: u64,
}

impl HistoryKeeper {
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
        let version = join_versions(statuses);
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
