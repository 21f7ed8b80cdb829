//! `SENTINEL`: questions about groups, and the one thing that can be asked for.

use bytes::Bytes;
use rcm_core::id::Address;
use rcm_core::status::Status;
use rcm_resp::Frame;

use super::{help, settings};
use crate::sentinel::fields;
use crate::sentinel::follow::Interest;
use crate::sentinel::house::{Group, House, replicas};
use crate::sentinel::reply::{NO_SUCH_GROUP, NOT_AN_INTEGER, error, number, text, word};
use crate::sentinel::scripts::Script;
use crate::sentinel::session::Reply;

/// A group whose primary nobody has met yet; clients ask again, as for one that is not there.
const NOT_MET: &str = "ERR No such master with that name: the monitor has not met its primary yet";

pub(super) fn answer(word: &str, arguments: &[Bytes], house: &House) -> Reply {
    let arguments = arguments.get(1..).unwrap_or_default();
    let frame = match (word, arguments) {
        ("masters" | "primaries", _) => all(house),
        ("get-master-addr-by-name" | "get-primary-addr-by-name", [name]) => address(name, house),
        ("is-master-down-by-addr" | "is-primary-down-by-addr", [ip, port, epoch, _]) => {
            is_down(ip, port, epoch, house)
        }
        ("info-cache", names) => info_cache(names, house),
        ("myid", _) => text(house.id.clone()),
        ("pending-scripts", _) => {
            Frame::Array(house.scripts.pending().iter().map(Script::frame).collect())
        }
        ("flushconfig", _) => Frame::ok(),
        ("help", _) => help::sentinel(),
        ("config", arguments) => settings::config(arguments, house),
        ("debug", _) => error(settings::DEBUG),
        ("simulate-failure", _) => error(settings::SIMULATE_FAILURE),
        ("rcm-held", [question]) => match number(question) {
            Some(question) => return Reply::Held(question),
            None => error(NOT_AN_INTEGER),
        },
        ("monitor", [name, ..]) => settings::monitor(name, house),
        ("reset", [pattern]) => settings::reset(pattern, house),
        (_, [name, rest @ ..]) => return of_group(word, name, rest, house),
        (_, []) => error(NO_SUCH_GROUP),
    };
    Reply::Is(frame)
}

/// What names a group first.
fn of_group(word: &str, name: &Bytes, rest: &[Bytes], house: &House) -> Reply {
    let Some(group) = house.group(name) else {
        return Reply::Is(error(NO_SUCH_GROUP));
    };
    let frame = match word {
        "master" | "primary" => {
            let status = group.snapshot();
            let primary = fields::primary(house, group, &status, house.now());
            primary.unwrap_or_else(|| error(NOT_MET))
        }
        "replicas" | "slaves" => {
            let (status, now) = (group.snapshot(), house.now());
            let nodes = replicas(&status);
            let maps = nodes.map(|node| fields::replica(house, group, &status, node, now));
            Frame::Array(maps.collect())
        }
        "sentinels" => {
            let status = group.snapshot();
            let others = status.monitors.iter();
            let maps = others.filter_map(|monitor| fields::monitor(group, monitor));
            Frame::Array(maps.collect())
        }
        "ckquorum" => check_quorum(group),
        "failover" => return Reply::Replace(group.name.clone()),
        "rcm-follow" => match Interest::read(rest) {
            Some(interest) => return Reply::Follow(group.name.clone(), interest),
            None => error("ERR a follower may only ask for SERVERS"),
        },
        "remove" => error(settings::REMOVE),
        _ => settings::set(rest),
    };
    Reply::Is(frame)
}

fn all(house: &House) -> Frame {
    let now = house.now();
    let known = house
        .groups
        .iter()
        .filter_map(|group| fields::primary(house, group, &group.snapshot(), now));
    Frame::Array(known.collect())
}

fn address(name: &Bytes, house: &House) -> Frame {
    let address = house
        .group(name)
        .and_then(|group| house.primary(&group.status.borrow()));
    address.map_or(Frame::NullArray, |address| pair(&address))
}

fn pair(address: &Address) -> Frame {
    Frame::Array(vec![
        text(address.host().to_owned()),
        text(address.port().to_string()),
    ])
}

/// Sentinels ask it of each other, and for a vote, which nobody gets here.
fn is_down(ip: &Bytes, port: &Bytes, epoch: &Bytes, house: &House) -> Frame {
    let (Some(port), Some(_)) = (number::<i64>(port), number::<i64>(epoch)) else {
        return error(NOT_AN_INTEGER);
    };
    let down = house.groups.iter().any(|group| {
        let status = group.snapshot();
        let address = status.primary_node().map(|node| house.announced(node));
        let is_meant = address.is_some_and(|address| {
            i64::from(address.port()) == port && ip == address.host().as_bytes()
        });
        is_meant && status.primary_is_down()
    });
    Frame::Array(vec![
        Frame::Integer(i64::from(down)),
        word("*"),
        Frame::Integer(0),
    ])
}

fn check_quorum(group: &Group) -> Frame {
    let status = group.snapshot();
    let hindrance = if status.halted {
        "the group is halted, see the log"
    } else if status.observing {
        "this monitor only observes"
    } else if !status.store_writable {
        "its record cannot be written"
    } else {
        return count_usable(&status);
    };
    error(format!(
        "NOQUORUM 0 usable Sentinels. Not enough available Sentinels to reach the specified quorum \
         for this master: {hindrance}"
    ))
}

/// This monitor and those that live, against those that are needed.
fn count_usable(status: &Status) -> Frame {
    let others = status.monitors.iter().filter(|monitor| monitor.alive);
    let usable = others.count() + 1;
    if usable >= status.quorum {
        return Frame::simple(format!(
            "OK {usable} usable Sentinels. Quorum and failover authorization can be reached"
        ));
    }
    error(format!(
        "NOQUORUM {usable} usable Sentinels. Not enough available Sentinels to reach the specified \
         quorum for this master"
    ))
}

/// The name of each group that there is, then the age and the text of `INFO` of each of its nodes.
fn info_cache(names: &[Bytes], house: &House) -> Frame {
    let mut values = Vec::new();
    let mut wanted: Vec<&Group> = names.iter().filter_map(|name| house.group(name)).collect();
    wanted.dedup_by(|a, b| a.name == b.name);
    for group in wanted {
        let (status, now) = (group.snapshot(), house.now());
        let nodes = status.primary_node().into_iter().chain(replicas(&status));
        let infos = nodes.map(|node| match group.memory.info(&node.address) {
            Some((at, info)) => {
                let age = i64::try_from(now.since(at).as_millis()).unwrap_or(i64::MAX);
                Frame::Array(vec![Frame::Integer(age), text(info)])
            }
            None => Frame::Array(vec![Frame::Integer(0), Frame::Null]),
        });
        values.push(text(group.name.to_string()));
        values.push(Frame::Array(infos.collect()));
    }
    Frame::Array(values)
}
