//! Asks the store every few seconds whether it can be written, so that one that cannot is noticed
//! before it is needed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::store::Store;

/// Whether the store can be written, for all groups.
#[derive(Clone, Debug)]
pub struct StoreHealth {
    trouble: watch::Receiver<Option<String>>,
    _task: Arc<Stop>,
}

#[derive(Debug)]
struct Stop(JoinHandle<()>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often the store is asked.
const EVERY: Duration = Duration::from_secs(10);

impl StoreHealth {
    /// Starts to ask.
    pub fn start(store: Store) -> Self {
        let (publisher, trouble) = watch::channel(None);
        let task = tokio::spawn(async move {
            loop {
                let found = store.probe().await.err().map(|error| error.to_string());
                publisher.send_if_modified(|known| {
                    let changed = *known != found;
                    *known = found;
                    changed
                });
                tokio::time::sleep(EVERY).await;
            }
        });
        Self {
            trouble,
            _task: Arc::new(Stop(task)),
        }
    }

    /// What is the matter with the store, now and from now on.
    pub(super) fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }
}
