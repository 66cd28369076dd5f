//! What is to be learned from each planted bug: what goes wrong, where it is met, and where this bank
//! does otherwise.

use super::Bug;

/// What is to be said of a bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lesson {
    /// What goes wrong.
    pub story: &'static str,
    /// Which real systems have it.
    pub seen: &'static str,
    /// Where this bank does it right, and how.
    pub right: &'static str,
}

impl Bug {
    /// What is to be learned from it.
    pub fn lesson(self) -> Lesson {
        match self {
            Self::AbsoluteBalance => Lesson {
                story: "a branch tells its balance, and whoever hears it takes it for its own: concurrent writes vanish",
                seen: "jobs that copy \"the balance is 500\" from one database to another; last-writer-wins stores",
                right: "src/replica/page.rs: each branch tells what it deposited and withdrew itself, and a balance is the sum of all pages",
            },
            Self::RejudgedWithdrawal => Lesson {
                story: "a branch judges again a withdrawal that another branch has paid out, and drops it",
                seen: "services that replay the commands of others through their own validation",
                right: "src/replica/ledger.rs: a page is joined and never judged; whether the money was there, its origin decided",
            },
            Self::RestartWithoutPage => Lesson {
                story: "a branch comes back under its old name without its page, and counts from 1 again",
                seen: "a server rebuilt on an empty disk under its old name; a container whose volume was forgotten",
                right: "src/replica/machine.rs: who comes back without its data writes a new page, as a new incarnation",
            },
            Self::AcknowledgementOutlivesData => Lesson {
                story: "a branch has lost its data, but says that it has what it had: nobody sends it again",
                seen: "consumers whose offset is kept in one place and whose data was lost in another",
                right: "src/replica/link.rs: a session begins with both versions, which are read off the pages themselves",
            },
            Self::RetryCountsTwice => Lesson {
                story: "a customer who gets no answer tries again, and the deposit counts twice",
                seen: "payment services without an idempotency key; proxies that send a POST again",
                right: "src/replica/answers.rs: every request has a name, and its answer is remembered under it",
            },
            Self::RefusedWithdrawalPropagated => Lesson {
                story: "a withdrawal is refused where it was asked for, and taken off the balance everywhere else",
                seen: "events that are published before the check, or outside of its transaction",
                right: "src/replica/customer.rs: a withdrawal is judged first, and only what is on the page is ever told",
            },
            Self::LostUpdate => Lesson {
                story: "a write reads the balance, a peer's update arrives, and the write puts its sum back",
                seen: "programs that SELECT a balance, add to it, and UPDATE it, without a lock",
                right: "src/replica/ledger.rs: a write adds to its branch's own page in one step; nobody puts a balance back",
            },
            Self::DeltaMissesAccount => Lesson {
                story: "an update says that it is complete, but leaves out an account",
                seen: "incremental backups that skip a table; change feeds that cut a batch by its size",
                right: "src/replica/page.rs: a delta is cut by sequence, and holds every account that changed in between",
            },
            Self::StaleReadServedAsFresh => Lesson {
                story: "a query names what it must see, and is answered without it",
                seen: "read replicas behind a balancer that knows nothing of sessions",
                right: "src/replica/waits.rs: a request that names a version waits until the replica has it, or is refused",
            },
            Self::AcknowledgedBeforeSaved => Lesson {
                story: "a deposit is acknowledged, and the power goes before it is on disk",
                seen: "databases with fsync off; servers that answer before the log is flushed",
                right: "src/replica/disk.rs: answers and messages wait until everything that they tell is on disk",
            },
            Self::TornSave => Lesson {
                story: "half of a save is on disk after a crash: the money, but not that it was asked for",
                seen: "two files written one after the other; a row and its outbox in two transactions",
                right: "src/replica/disk.rs: pages and remembered requests are one save, there as a whole or not at all",
            },
            Self::ConcernIgnored => Lesson {
                story: "a write is said to be everywhere when it is at its own branch only",
                seen: "proxies that answer a write of \"all\" or \"majority\" after the first copy",
                right: "src/replica/customer.rs: the answer waits for receipts of as many replicas as were asked for",
            },
        }
    }
}
