//! Which links are told that there is something to tell: those that have room, that tell it, and that do not let
//! changes gather.

use super::{machine::Replica, output::Output, page::PageIndex};
use crate::types::{BranchId, Time};

impl Replica {
    /// A page changed: wakes the links that have to tell it and are not busy anyway; those that let changes
    /// gather, once their time has come.
    pub(super) fn wake_idle(&mut self, index: PageIndex, outputs: &mut Vec<Output>) {
        let (now, ledger, links) = (self.now, &self.ledger, &self.links);
        let page = ledger.page(index);
        self.idle.retain(|&peer| {
            let Some(link) = links.get(&peer).filter(|link| link.is_to_tell(index, page)) else { return true };
            match link.paced_until(now, ledger) {
                Some(at) => _ = self.paced.insert((at, peer)),
                None => outputs.push(Output::Ready(peer)),
            }
            false
        });
        self.wake_paced(self.now, outputs);
    }

    /// Something is to be told to this peer that somebody waits for.
    pub(super) fn wake(&mut self, peer: BranchId, outputs: &mut Vec<Output>) {
        let is_idle = self.idle.binary_search(&peer).map(|place| self.idle.remove(place)).is_ok();
        let before = self.paced.len();
        self.paced.retain(|&(_, paced)| paced != peer);
        if is_idle || self.paced.len() < before {
            outputs.push(Output::Ready(peer));
        }
    }

    /// Something changed that somebody waits for: wakes every link that is not busy.
    pub(super) fn wake_all(&mut self, outputs: &mut Vec<Output>) {
        outputs.extend(self.idle.drain(..).map(Output::Ready));
        self.wake_paced(Time(u64::MAX), outputs);
    }

    /// Wakes the links that have let changes gather for long enough by `now`.
    pub(super) fn wake_paced(&mut self, now: Time, outputs: &mut Vec<Output>) {
        while self.paced.first().is_some_and(|&(at, _)| at <= now)
            && let Some((_, peer)) = self.paced.pop_first()
        {
            outputs.push(Output::Ready(peer));
        }
    }
}
