//! The order in which a ledger's pages changed last, so that what is new is found without looking at every page.

use super::page::PageIndex;

#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// Each changed page's stamp: the later the change, the higher. 0: never changed.
    stamps: Vec<u64>,
    /// The changes, oldest first, each with its page. One whose page has changed again is out of date
    /// and skipped; when most are, they are dropped.
    order: Vec<(u64, PageIndex)>,
    last: u64,
    /// Whether nobody has read up to `last`: then the next change of the same page needs no new stamp, and
    /// a burst of operations costs one.
    is_unread: bool,
}

impl Changes {
    /// The ledger has one more page.
    pub(super) fn add_page(&mut self) {
        self.stamps.push(0);
    }

    /// A page has changed.
    pub(super) fn stamp(&mut self, index: PageIndex) {
        if self.is_unread && self.stamps[index] == self.last {
            return;
        }
        self.last += 1;
        self.stamps[index] = self.last;
        self.order.push((self.last, index));
        if self.order.len() > 2 * self.stamps.len() + 16 {
            let stamps = &self.stamps;
            self.order.retain(|&(stamp, index)| stamps[index] == stamp);
        }
        self.is_unread = true;
    }

    /// Whatever changes from now on comes after [`Changes::last`].
    pub(super) fn mark_read(&mut self) {
        self.is_unread = false;
    }

    /// The pages that changed after `stamp`, oldest change first.
    pub(super) fn after(&self, stamp: u64) -> impl Iterator<Item = (u64, PageIndex)> + '_ {
        let known = self.order.partition_point(|&(change, _)| change <= stamp);
        self.order[known..].iter().copied().filter(|&(change, index)| self.stamps[index] == change)
    }

    /// The last change's stamp.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Checks what must hold in every state.
    pub(super) fn invariants(&self) -> Result<(), String> {
        let stamped = self.stamps.iter().filter(|&&stamp| stamp > 0).count();
        if self.after(0).count() == stamped && self.order.is_sorted() {
            Ok(())
        } else {
            Err("the order of pages disagrees with their stamps".to_owned())
        }
    }
}
