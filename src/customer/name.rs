//! The names of requests: a client id, and a number. A branch remembers so many answers of a client, by their
//! numbers, and refuses as expired what more later requests of the same client have overtaken. So a client
//! id is leased with no more numbers than that, and leased again when the last request under it has ended. A
//! customer that does one thing after another has one id, and one that does much at once has several.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::CustomerError;
use crate::{
    replica::ANSWERS_PER_CLIENT,
    types::{ClientId, RequestId},
};

/// Numbers of a lease, unless one stream needs more: it keeps its own together, see `execute`.
const NUMBERS: u64 = ANSWERS_PER_CLIENT as u64;

/// The client ids that are not leased, and the last number that each has had.
type Free = Mutex<Vec<(ClientId, u64)>>;

/// A client id whose numbers up to `last` are being given out. It is free again when this is dropped.
#[derive(Debug)]
struct Lease {
    client: ClientId,
    last: u64,
    free: Arc<Free>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.free).push((self.client, self.last));
    }
}

/// The lease of which requests get their numbers, and the next one.
#[derive(Debug)]
struct Current {
    lease: Arc<Lease>,
    next: u64,
}

/// The names of one customer's requests.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    free: Arc<Free>,
    current: Arc<Mutex<Option<Current>>>,
}

/// Requests that have their names, until they have ended: then this is to be dropped.
pub(super) struct Named {
    lease: Arc<Lease>,
    /// The first of their numbers; the others follow.
    pub(super) first: u64,
}

impl Named {
    pub(super) fn client(&self) -> ClientId {
        self.lease.client
    }

    /// The name of the first.
    pub(super) fn id(&self) -> RequestId {
        RequestId { client: self.client(), number: self.first }
    }
}

impl Names {
    /// Names for `count` requests.
    ///
    /// # Errors
    /// [`CustomerError::Unreachable`] if the system gives no random number.
    pub(super) fn take(&self, count: u64, address: &str) -> Result<Named, CustomerError> {
        let mut current = lock(&self.current);
        // Its id is free at once if nothing is under way under it.
        drop(current.take_if(|current| current.next + count > current.lease.last + 1));
        let Current { lease, next } = match &mut *current {
            Some(current) => current,
            none => none.insert(self.lease(count.max(NUMBERS), address)?),
        };
        let first = *next;
        *next += count;
        Ok(Named { lease: lease.clone(), first })
    }

    fn lease(&self, numbers: u64, address: &str) -> Result<Current, CustomerError> {
        let free = lock(&self.free).pop();
        let (client, last) = match free {
            Some(free) => free,
            None => (draw_client(address)?, 0),
        };
        let lease = Arc::new(Lease { client, last: last + numbers, free: self.free.clone() });
        Ok(Current { lease, next: last + 1 })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drawn from the system: a generator of our own would be copied by fork(), and two customers of one
/// name would be taken for one that retries.
fn draw_client(address: &str) -> Result<ClientId, CustomerError> {
    let drawn = getrandom::u64().map_err(|error| CustomerError::Unreachable {
        address: address.to_owned(),
        reason: format!("the system gives no random number to name this customer: {error}"),
        tried: None,
        sent: false,
    })?;
    // 0 would mean that the requests have no client.
    Ok(ClientId(drawn.max(1)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails panics")]

    use std::collections::BTreeSet;

    use super::*;

    fn take(names: &Names, count: u64) -> Named {
        names.take(count, "nobody").unwrap()
    }

    #[test]
    fn customer_that_does_one_thing_after_another_has_one_id_and_counts_up() {
        let names = Names::default();
        let (mut clients, mut last) = (BTreeSet::new(), 0);
        for count in [1, 1, NUMBERS - 1, 7, NUMBERS, NUMBERS + 1, 3 * NUMBERS, 1, 0, 1] {
            let named = take(&names, count);
            assert!(named.first > last, "{} after {last}", named.first);
            last = named.first + count - 1;
            clients.insert(named.client());
        }
        assert_eq!(clients.len(), 1);
    }

    #[test]
    fn nothing_is_overtaken_by_more_than_a_branch_remembers() {
        let names = Names::default();
        let slow = take(&names, 1);
        let mut clients = BTreeSet::new();
        for count in [1, 100, NUMBERS / 2, NUMBERS / 2, 1, NUMBERS, 2 * NUMBERS].repeat(10) {
            let named = take(&names, count);
            clients.insert(named.client());
            assert!(
                named.client() != slow.client() || named.first + count - slow.first <= NUMBERS,
                "{count} from {}",
                named.first
            );
        }
        assert_eq!(clients.len(), 2, "that of the slow one, and one for all that follow each other");
    }

    #[test]
    fn streams_under_way_together_have_ids_of_their_own() {
        let names = Names::default();
        let streams = [2 * NUMBERS; 5].map(|count| take(&names, count));
        let clients: BTreeSet<_> = streams.iter().map(Named::client).collect();
        assert_eq!(clients.len(), 5);
        drop(streams);
        let again = [2 * NUMBERS; 5].map(|count| take(&names, count));
        assert_eq!(again.iter().map(Named::client).collect::<BTreeSet<_>>(), clients, "they are leased again");
    }
}
