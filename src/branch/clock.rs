//! The branch's clock: wakes when the replica's next deadline has come, and only then.

use std::sync::Arc;

use super::shared::Shared;

pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let wait = shared.tick();
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.alarm.notified() => {}
            () = shared.stopped() => return,
        }
        shared.awake().await;
    }
}
