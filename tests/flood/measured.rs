//! What this process takes, and the turn to be measured alone.

use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

/// While this is held, no other test of this binary runs.
pub async fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

/// The same, for a test without a runtime.
pub fn alone_here() -> MutexGuard<'static, ()> {
    TURN.blocking_lock()
}

/// What the process has in memory; 0 where the system does not say.
pub fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
