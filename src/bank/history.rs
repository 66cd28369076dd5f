//! The history of a live bank: what its customers asked and were told, for the checkers.

use std::{collections::BTreeMap, time::Duration};

use super::{
    error::{BankError, join_versions},
    running::Bank,
};
use crate::{
    check::{Event, History, Kind},
    customer::{Excerpt, Status},
    types::BranchId,
};

/// How long branches may take to say where they are.
const SETTLED_WITHIN: Duration = Duration::from_secs(2);

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
        let before = told.journal.excerpt();
        let settled = self.settled(&before).await;
        let Excerpt { mut events, is_waited_for, lost } = told.journal.excerpt();
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
    async fn settled(&self, excerpt: &Excerpt) -> Option<BTreeMap<BranchId, Status>> {
        if excerpt.is_waited_for || excerpt.lost > 0 {
            return None;
        }
        let statuses = self.statuses(SETTLED_WITHIN).await.ok()?;
        let all = join_versions(&statuses);
        let is_settled =
            statuses.len() == self.addresses.len() && statuses.values().all(|status| status.snapshot.version == all);
        is_settled.then_some(statuses)
    }
}
