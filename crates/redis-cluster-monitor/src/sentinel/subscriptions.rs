//! What one connection subscribed to.

use std::collections::BTreeSet;

use bytes::Bytes;
use rcm_resp::Frame;

use super::glob;
use super::message::Message;

/// Channels and patterns of one connection, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
}

/// One of the two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Channel,
    Pattern,
}

/// So many channels and patterns one connection may have; clients use less than twenty.
pub(super) const MOST: usize = 256;
/// No event has a name of half that length.
pub(super) const LONGEST: usize = 256;

impl Subscriptions {
    pub(super) fn count(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    pub(super) fn count_of(&self, kind: Kind) -> usize {
        self.of(kind).len()
    }

    pub(super) const fn of(&self, kind: Kind) -> &BTreeSet<Bytes> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
        }
    }

    /// Adds one; `false` if there are too many or its name is too long. A copy is kept: the name
    /// shares the buffer of its request.
    pub(super) fn add(&mut self, kind: Kind, name: &Bytes) -> bool {
        if self.of(kind).contains(name) {
            return true;
        }
        if self.count() >= MOST || name.len() > LONGEST {
            return false;
        }
        self.of_mut(kind).insert(Bytes::copy_from_slice(name))
    }

    pub(super) fn remove(&mut self, kind: Kind, name: &Bytes) {
        self.of_mut(kind).remove(name);
    }

    /// The message once for the channel and once for every pattern that it fits.
    pub(super) fn frames_for(&self, message: &Message) -> Vec<Frame> {
        let channel = message.channel.as_bytes();
        let direct = self.channels.contains(channel);
        let patterns = self
            .patterns
            .iter()
            .filter(|pattern| glob::matches(pattern, channel));
        direct
            .then(|| message.to_subscriber())
            .into_iter()
            .chain(patterns.map(|pattern| message.to_pattern(pattern)))
            .collect()
    }

    const fn of_mut(&mut self, kind: Kind) -> &mut BTreeSet<Bytes> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_cannot_subscribe_without_end() {
        let mut subscriptions = Subscriptions::default();
        for number in 0..MOST {
            assert!(subscriptions.add(Kind::Pattern, &Bytes::from(format!("{number}*"))));
        }
        assert!(!subscriptions.add(Kind::Channel, &Bytes::from_static(b"one more")));
        assert!(subscriptions.add(Kind::Pattern, &Bytes::from_static(b"0*")));
        let long = Bytes::from(vec![b'x'; LONGEST + 1]);
        assert!(!Subscriptions::default().add(Kind::Channel, &long));
    }

    #[test]
    fn a_message_comes_once_for_its_channel_and_once_for_each_pattern() {
        let mut subscriptions = Subscriptions::default();
        for (kind, name) in [
            (Kind::Channel, "+sdown"),
            (Kind::Pattern, "[-+]sdown"),
            (Kind::Pattern, "*"),
            (Kind::Pattern, "-*"),
        ] {
            subscriptions.add(kind, &Bytes::from(name));
        }
        let message = Message::new("+sdown", "master mymaster 10.0.0.1 6379");
        assert_eq!(subscriptions.frames_for(&message).len(), 3);
        let message = Message::new("+slave", "");
        assert_eq!(subscriptions.frames_for(&message).len(), 1);
    }
}
