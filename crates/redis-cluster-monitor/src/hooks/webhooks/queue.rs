//! What waits to be delivered to one address: in order, bounded, and without waiting to put.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// An event on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// The same with every attempt, and of no other event.
    pub id: String,
    /// The code of the event.
    pub code: &'static str,
    /// The event as JSON.
    pub body: String,
}

/// A bounded queue for one taker.
#[derive(Debug)]
pub(super) struct Queue {
    limit: usize,
    inside: Mutex<Inside>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inside {
    waiting: VecDeque<Delivery>,
    closed: bool,
}

impl Queue {
    /// A queue that holds at most `limit`.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            inside: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Puts one at the end, and gives back the oldest if it had to make room.
    pub(super) fn put(&self, delivery: Delivery) -> Option<Delivery> {
        let mut inside = self.inside();
        inside.waiting.push_back(delivery);
        let dropped = if inside.waiting.len() > self.limit {
            inside.waiting.pop_front()
        } else {
            None
        };
        drop(inside);
        self.changed.notify_one();
        dropped
    }

    /// Takes the oldest, and waits for one. `None` when the queue is closed and empty.
    pub(super) async fn take(&self) -> Option<Delivery> {
        loop {
            {
                let mut inside = self.inside();
                if let Some(delivery) = inside.waiting.pop_front() {
                    return Some(delivery);
                }
                if inside.closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Nothing is put any more.
    pub(super) fn close(&self) {
        self.inside().closed = true;
        self.changed.notify_one();
    }

    pub(super) fn len(&self) -> usize {
        self.inside().waiting.len()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // Nothing that holds the lock can leave the queue half changed.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(number: u32) -> Delivery {
        Delivery {
            id: number.to_string(),
            code: "halted",
            body: String::new(),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_oldest_makes_room_and_what_is_left_comes_in_order() {
        let queue = Queue::new(2);
        assert_eq!(queue.put(delivery(1)), None);
        assert_eq!(queue.put(delivery(2)), None);
        assert_eq!(queue.put(delivery(3)), Some(delivery(1)));
        queue.close();
        assert_eq!(queue.take().await, Some(delivery(2)));
        assert_eq!(queue.take().await, Some(delivery(3)));
        assert_eq!(queue.take().await, None);
    }
}
