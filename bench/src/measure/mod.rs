//! Looks at the group from outside, the same way for every contender.
//!
//! Always holds: nothing here depends on who decides, and every thread ends with the value that
//! started it.

mod account;
mod answers;
mod kernel;
mod refusal;
mod route;
mod sweep;
mod usage;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

pub(crate) use answers::Asking;
pub(crate) use kernel::{Traffic, Wakeups};
pub(crate) use refusal::Refusal;
pub(crate) use route::Route;
pub(crate) use sweep::Sweep;
pub(crate) use usage::Usage;
pub(crate) use watch::{Role, Watch};
pub(crate) use writer::Writer;

/// A thread that is told to stop, and waited for, when this is dropped.
#[derive(Debug)]
struct Worker<T> {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Worker<T> {
    fn start(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let stopping = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopping);
        let thread = Some(thread::spawn(move || work(&told)));
        Self { stopping, thread }
    }
}

impl<T> Worker<T> {
    /// What the thread has to say; nothing if it panicked.
    fn stop(mut self) -> Option<T> {
        self.end()
    }

    /// As [`Self::stop`], but leaves the thread the time that it takes.
    fn join(mut self) -> Option<T> {
        self.thread.take()?.join().ok()
    }

    fn end(&mut self) -> Option<T> {
        self.stopping.store(true, Ordering::Relaxed);
        self.thread.take()?.join().ok()
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.end();
    }
}
