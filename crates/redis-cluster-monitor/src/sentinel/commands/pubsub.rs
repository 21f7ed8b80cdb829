//! `SUBSCRIBE`, `PSUBSCRIBE` and back.

use bytes::Bytes;
use rcm_resp::Frame;

use crate::sentinel::glob;
use crate::sentinel::house::House;
use crate::sentinel::message::SWITCH;
use crate::sentinel::reply::{error, integer, text, word};
use crate::sentinel::session::{Reply, Session};
use crate::sentinel::subscriptions::{Kind, LONGEST, MOST, Subscriptions};

pub(super) fn subscribe(
    session: &mut Session,
    kind: Kind,
    names: &[Bytes],
    house: &House,
) -> Reply {
    let mut frames = Vec::with_capacity(names.len());
    for name in names {
        let subscriptions = session.subscriptions.get_or_insert_default();
        let is_new = !subscriptions.of(kind).contains(name);
        if !subscriptions.add(kind, name) {
            frames.push(error(format!(
                "ERR not subscribed: the limit is {MOST} names of {LONGEST} bytes per connection"
            )));
            continue;
        }
        let verb = match kind {
            Kind::Channel => "subscribe",
            Kind::Pattern => "psubscribe",
        };
        frames.push(confirmation(verb, text(name.clone()), subscriptions));
        if is_new && house.settings.replay_on_subscribe {
            frames.extend(replay(kind, name, house));
        }
    }
    settle(session);
    Reply::Are(frames)
}

/// Who subscribed because the connection before was lost may have missed the last switch.
fn replay(kind: Kind, name: &Bytes, house: &House) -> Vec<Frame> {
    let primaries = house.current_primaries().into_iter();
    match kind {
        Kind::Channel if name == SWITCH => primaries.map(|it| it.to_subscriber()).collect(),
        Kind::Pattern if glob::matches(name, SWITCH.as_bytes()) => {
            primaries.map(|it| it.to_pattern(name)).collect()
        }
        Kind::Channel | Kind::Pattern => Vec::new(),
    }
}

/// Without names all are meant.
pub(super) fn unsubscribe(session: &mut Session, kind: Kind, names: &[Bytes]) -> Reply {
    let verb = match kind {
        Kind::Channel => "unsubscribe",
        Kind::Pattern => "punsubscribe",
    };
    let mut subscriptions = session.subscriptions.take().unwrap_or_default();
    let names: Vec<Bytes> = if names.is_empty() {
        subscriptions.of(kind).iter().cloned().collect()
    } else {
        names.to_vec()
    };
    let mut frames = Vec::with_capacity(names.len());
    for name in names {
        subscriptions.remove(kind, &name);
        frames.push(confirmation(verb, text(name), &subscriptions));
    }
    if frames.is_empty() {
        frames.push(confirmation(verb, Frame::Null, &subscriptions));
    }
    session.subscriptions = Some(subscriptions);
    settle(session);
    Reply::Are(frames)
}

fn confirmation(verb: &'static str, name: Frame, subscriptions: &Subscriptions) -> Frame {
    Frame::Push(vec![word(verb), name, integer(subscriptions.count())])
}

/// Who has no subscription left is an ordinary connection again.
fn settle(session: &mut Session) {
    let subscriptions = session.subscriptions.as_deref();
    let count = |kind| subscriptions.map_or(0, |all| all.count_of(kind));
    let (channels, patterns) = (count(Kind::Channel), count(Kind::Pattern));
    let mut facts = session.client.facts();
    (facts.channels, facts.patterns) = (channels, patterns);
    drop(facts);
    if channels + patterns == 0 {
        session.subscriptions = None;
    }
}
