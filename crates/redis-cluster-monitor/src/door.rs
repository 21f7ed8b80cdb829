//! What a client-facing door runs on.
//!
//! Always holds: it has a thread and a runtime of its own, so nothing that clients do delays what
//! watches and acts; and it ends with the value that opened it.

use std::io;
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

/// A thread that serves clients; it ends, and all their connections with it, when this is dropped.
#[derive(Debug)]
pub struct Thread {
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// Serves from now on, until `serve` ends or this is dropped.
    pub fn start(name: &str, serve: impl Future<Output = ()> + Send + 'static) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (close, closed) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    // Also when the sender is gone.
                    _ = closed => {}
                }
            });
        };
        let thread = Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self {
            close: Some(close),
            thread: Some(thread),
        })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was told when it happened.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_is_served_is_dropped_with_the_thread() {
        let (served, gone) = mpsc::channel::<()>();
        let serve = async move {
            let _served = served;
            pending::<()>().await;
        };
        let thread = Thread::start("door", serve).unwrap();
        assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(thread);
        assert_eq!(gone.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
