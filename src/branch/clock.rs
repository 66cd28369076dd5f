//! The branch's clock: wakes when the replica's next deadline has come, and only then.

use std::sync::Arc;

use super::core::Core;

pub(super) async fn run(core: Arc<Core>) {
    loop {
        let wait = core.tick();
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = core.alarm.notified() => {}
            () = core.stopped() => return,
        }
        core.awake().await;
    }
}
