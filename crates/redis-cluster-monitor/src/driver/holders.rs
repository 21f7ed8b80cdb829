//! Those who keep requests back while the office is handed over, and are asked before the primary's
//! writes begin to wait.
//!
//! A request that is on its way when its connection is cut may or may not have been executed. Who
//! stands between clients and the primary can avoid that: it stops sending, waits for the replies
//! that are due, and only then does the primary begin to pause.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Asked of a holder: send nothing more, and answer when no reply is due. Its status says already
/// that a plan is under way. Dropping it is an answer too.
#[derive(Debug)]
pub struct Calm {
    done: oneshot::Sender<()>,
}

impl Calm {
    /// A question, and where its answer arrives.
    pub fn ask() -> (Self, oneshot::Receiver<()>) {
        let (done, answer) = oneshot::channel();
        (Self { done }, answer)
    }

    /// No reply is due any more.
    pub fn reached(self) {
        // Whoever asked may have stopped waiting.
        self.done.send(()).ok();
    }
}

/// What a holder is asked arrives here; it is asked no longer when this is dropped.
pub type Asked = mpsc::Receiver<Calm>;

/// All holders of one group.
#[derive(Clone, Debug, Default)]
pub struct Holders(Arc<Mutex<Vec<mpsc::Sender<Calm>>>>);

/// The longest that holders are waited for. Replies take less; one that takes longer belongs to a
/// request that the switchover shall not wait for.
const WITHIN: Duration = Duration::from_millis(100);
/// One question at a time is asked.
const QUESTIONS_WAITING: usize = 1;

impl Holders {
    /// Someone more is asked from now on.
    pub fn join(&self) -> Asked {
        let (sender, asked) = mpsc::channel(QUESTIONS_WAITING);
        self.lock().push(sender);
        asked
    }

    /// The same, unless so many are asked already.
    pub fn join_if_below(&self, most: usize) -> Option<Asked> {
        let mut holders = self.lock();
        holders.retain(|holder| !holder.is_closed());
        let has_room = holders.len() < most;
        drop(holders);
        has_room.then(|| self.join())
    }

    /// Whether there is anybody to be asked.
    pub(super) fn is_empty(&self) -> bool {
        let mut holders = self.lock();
        holders.retain(|holder| !holder.is_closed());
        holders.is_empty()
    }

    /// Waits until all are calm, for a bounded time.
    pub async fn calm(self) {
        let asked: Vec<_> = self.lock().iter().filter_map(ask).collect();
        let all = async {
            for answer in asked {
                // One that ended holds nothing.
                answer.await.ok();
            }
        };
        if timeout(WITHIN, all).await.is_err() {
            tracing::warn!(
                "replies were still due {WITHIN:?} after clients' requests were held; what they \
                 belong to may be cut off"
            );
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<mpsc::Sender<Calm>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody who is still busy with the question before is asked again.
fn ask(holder: &mpsc::Sender<Calm>) -> Option<oneshot::Receiver<()>> {
    let (calm, answer) = Calm::ask();
    holder.try_send(calm).ok().map(|()| answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn everybody_is_waited_for() {
        run(async {
            let holders = Holders::default();
            assert!(holders.is_empty());
            let (mut one, mut two) = (holders.join(), holders.join());
            assert!(!holders.is_empty());
            let calm = tokio::spawn(holders.clone().calm());
            one.recv().await.unwrap().reached();
            let second = two.recv().await.unwrap();
            tokio::task::yield_now().await;
            assert!(!calm.is_finished());
            second.reached();
            calm.await.unwrap();
        });
    }

    #[test]
    fn nobody_is_waited_for_without_end() {
        run(async {
            let holders = Holders::default();
            let mut deaf = holders.join();
            holders.clone().calm().await;
            // The question is still there, and the answer is not needed any more.
            deaf.recv().await.unwrap().reached();
            drop(deaf);
            assert!(holders.is_empty());
            holders.calm().await;
        });
    }
}
