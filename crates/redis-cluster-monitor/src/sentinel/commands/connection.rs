//! Commands about the connection itself: `PING`, `HELLO`, `AUTH`, `CLIENT`.

use bytes::Bytes;
use rcm_resp::{Frame, Version};

use super::help;
use crate::config::Access;
use crate::sentinel::house::House;
use crate::sentinel::reply::{SYNTAX, WRONG_PASS, error, number, quoting, text, word, wrong_arity};
use crate::sentinel::session::{Muted, Reply, Rights, Session, owned};

/// The version of Redis whose Sentinel this stands in for; clients look at it for what they may
/// ask.
pub(super) const STANDS_IN_FOR: &str = "7.2.4";

const NO_PASSWORD: &str = "ERR AUTH <password> called without any password configured for the \
    default user. Are you sure your configuration is correct?";
const HELLO_FIRST: &str = "NOAUTH HELLO must be called with the client already authenticated, \
    otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client \
    and select the RESP protocol version at the same time";
const BAD_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";
const NO_TRACKING: &str = "ERR CLIENT CACHING can be called only when the client is in tracking \
    mode with OPTIN or OPTOUT mode enabled";

/// Names of connections and libraries are shown to others, so they are kept short.
const NAME_LENGTH: usize = 256;

pub(super) fn ping(session: &Session, arguments: &[Bytes]) -> Reply {
    let bound = session.version == Version::Resp2 && session.listens();
    let frame = match arguments {
        [] if bound => Frame::Push(vec![word("pong"), word("")]),
        [] => Frame::simple("PONG"),
        [echo] if bound => Frame::Push(vec![word("pong"), text(echo.clone())]),
        [echo] => text(echo.clone()),
        _ => wrong_arity("ping"),
    };
    Reply::Is(frame)
}

pub(super) fn hello(session: &mut Session, arguments: &[Bytes], house: &House) -> Reply {
    Reply::Is(greet(session, arguments, house).unwrap_or_else(|refusal| refusal))
}

fn greet(session: &mut Session, arguments: &[Bytes], house: &House) -> Result<Frame, Frame> {
    let mut version = session.version;
    let mut options = arguments;
    if let [protocol, rest @ ..] = arguments {
        version = match number::<i64>(protocol) {
            None => {
                return Err(error(
                    "ERR Protocol version is not an integer or out of range",
                ));
            }
            Some(2) => Version::Resp2,
            Some(3) => Version::Resp3,
            Some(_) => return Err(error("NOPROTO unsupported protocol version")),
        };
        options = rest;
    }
    let (mut credentials, mut name) = (None, None);
    while let [option, rest @ ..] = options {
        options = match rest {
            [user, password, rest @ ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                credentials = Some((user, password));
                rest
            }
            [its, rest @ ..] if option.eq_ignore_ascii_case(b"SETNAME") => {
                if !is_name(its) {
                    return Err(error(BAD_NAME));
                }
                name = Some(its);
                rest
            }
            _ => return Err(quoting("ERR Syntax error in HELLO option '", option, "'")),
        };
    }
    if let Some((user, password)) = credentials {
        log_in(session, Some(user), password, house)?;
    }
    if session.rights == Rights::Knock {
        return Err(error(HELLO_FIRST));
    }
    session.version = version;
    let mut facts = session.client.facts();
    facts.version = version;
    if let Some(name) = name {
        facts.name = owned(name);
    }
    drop(facts);
    let protocol = match version {
        Version::Resp2 => 2,
        Version::Resp3 => 3,
    };
    Ok(Frame::Map(vec![
        (word("server"), word("redis")),
        (word("version"), word(STANDS_IN_FOR)),
        (word("proto"), Frame::Integer(protocol)),
        (word("id"), client_id(session)),
        (word("mode"), word("sentinel")),
        (word("modules"), Frame::Array(Vec::new())),
    ]))
}

pub(super) fn auth(session: &mut Session, arguments: &[Bytes], house: &House) -> Reply {
    let result = match arguments {
        [_] if house.settings.access.is_none() => Err(error(NO_PASSWORD)),
        [password] => log_in(session, None, password, house),
        [user, password] => log_in(session, Some(user), password, house),
        _ => Err(error(SYNTAX)),
    };
    Reply::Is(result.map_or_else(|refusal| refusal, |()| Frame::ok()))
}

/// A password without a name is that of the only user there is.
fn log_in(
    session: &mut Session,
    user: Option<&Bytes>,
    password: &Bytes,
    house: &House,
) -> Result<(), Frame> {
    match &house.settings.access {
        None if user.is_none_or(|user| user == "default") => Ok(()),
        None => Err(error(WRONG_PASS)),
        Some(access) if is_right(access, user, password) => {
            session.welcome(&access.username);
            Ok(())
        }
        Some(_) => {
            house.complain(&session.client, "said a wrong password");
            Err(error(WRONG_PASS))
        }
    }
}

fn is_right(access: &Access, user: Option<&Bytes>, password: &[u8]) -> bool {
    let user_is_right = user.is_none_or(|user| *user == access.username);
    // The time that it takes tells nothing but the length.
    let right = access.password.reveal().as_bytes();
    let differences = right
        .iter()
        .zip(password)
        .fold(0, |sum, (right, given)| sum | (right ^ given));
    user_is_right && right.len() == password.len() && differences == 0
}

pub(super) fn client(
    session: &mut Session,
    word: &str,
    arguments: &[Bytes],
    house: &House,
) -> Reply {
    let arguments = arguments.get(1..).unwrap_or_default();
    let frame = match (word, arguments) {
        ("id", _) => client_id(session),
        ("getname", _) => name_of(session),
        ("setname", [name]) => set_name(session, name),
        ("setinfo", [attribute, value]) => set_info(session, attribute, value),
        ("info", _) => description(session, house),
        ("list", options) => list(options, house),
        ("kill", options) => kill(session, options, house),
        ("reply", [mode]) => return reply(session, mode),
        ("help", _) => help::client(),
        ("no-evict" | "no-touch" | "tracking", [mode, ..]) if !is_on_or_off(mode) => error(SYNTAX),
        ("caching", _) => error(NO_TRACKING),
        ("getredir", _) => Frame::Integer(-1),
        ("trackinginfo", _) => tracking_info(),
        ("unblock", _) => Frame::Integer(0),
        // Nothing is evicted, touched, tracked or paused here.
        _ => Frame::ok(),
    };
    Reply::Is(frame)
}

fn client_id(session: &Session) -> Frame {
    Frame::Integer(i64::try_from(session.client.id).unwrap_or(i64::MAX))
}

fn name_of(session: &Session) -> Frame {
    let name = session.client.facts().name.clone();
    if name.is_empty() {
        Frame::Null
    } else {
        text(name)
    }
}

fn set_name(session: &Session, name: &Bytes) -> Frame {
    if !is_name(name) {
        return error(BAD_NAME);
    }
    session.client.facts().name = owned(name);
    Frame::ok()
}

fn set_info(session: &Session, attribute: &Bytes, value: &Bytes) -> Frame {
    let mut facts = session.client.facts();
    let (field, name) = if attribute.eq_ignore_ascii_case(b"lib-name") {
        (&mut facts.library, "lib-name")
    } else if attribute.eq_ignore_ascii_case(b"lib-ver") {
        (&mut facts.library_version, "lib-ver")
    } else {
        return quoting("ERR Unrecognized option '", attribute, "'");
    };
    if !is_name(value) {
        return error(format!(
            "ERR {name} cannot contain spaces, newlines or special characters."
        ));
    }
    *field = owned(value);
    Frame::ok()
}

fn is_name(name: &[u8]) -> bool {
    name.len() <= NAME_LENGTH && name.iter().all(u8::is_ascii_graphic)
}

fn is_on_or_off(mode: &[u8]) -> bool {
    mode.eq_ignore_ascii_case(b"on") || mode.eq_ignore_ascii_case(b"off")
}

fn description(session: &Session, house: &House) -> Frame {
    let mut line = String::new();
    session.client.describe(house.now(), &mut line);
    verbatim(line)
}

fn list(options: &[Bytes], house: &House) -> Frame {
    let mut ids = Vec::new();
    let kind = match options {
        [] => None,
        [option, kind] if option.eq_ignore_ascii_case(b"TYPE") => {
            let kind = kind.to_ascii_lowercase();
            if !is_kind(&kind) {
                return quoting("ERR Unknown client type '", &kind, "'");
            }
            Some(kind)
        }
        [option, rest @ ..] if option.eq_ignore_ascii_case(b"ID") && !rest.is_empty() => {
            for id in rest {
                match number::<u64>(id) {
                    Some(id) => ids.push(id),
                    None => return error("ERR Invalid client ID"),
                }
            }
            None
        }
        _ => return error(SYNTAX),
    };
    let now = house.now();
    let mut lines = String::new();
    for client in house.clients.all() {
        let wanted = kind
            .as_ref()
            .is_none_or(|kind| kind == client.kind().as_bytes());
        if wanted && (ids.is_empty() || ids.contains(&client.id)) {
            client.describe(now, &mut lines);
        }
    }
    verbatim(lines)
}

fn is_kind(kind: &[u8]) -> bool {
    matches!(
        kind,
        b"normal" | b"master" | b"replica" | b"slave" | b"pubsub"
    )
}

/// Ends the connections that all filters fit.
fn kill(session: &Session, filters: &[Bytes], house: &House) -> Frame {
    if let [address] = filters {
        let found = house
            .clients
            .all()
            .into_iter()
            .find(|client| client.peer.to_string().as_bytes() == address);
        return match found {
            Some(client) => {
                client.end();
                Frame::ok()
            }
            None => error("ERR No such client"),
        };
    }
    let mut chosen = house.clients.all();
    let mut skip_me = true;
    let mut rest = filters;
    while let [filter, value, after @ ..] = rest {
        rest = after;
        match filter.to_ascii_lowercase().as_slice() {
            b"id" => match number::<u64>(value) {
                Some(id) if id > 0 => chosen.retain(|client| client.id == id),
                _ => return error("ERR client-id should be greater than 0"),
            },
            b"addr" => chosen.retain(|client| client.peer.to_string().as_bytes() == value),
            b"type" => {
                let kind = value.to_ascii_lowercase();
                if !is_kind(&kind) {
                    return quoting("ERR Unknown client type '", value, "'");
                }
                chosen.retain(|client| client.kind().as_bytes() == kind);
            }
            b"skipme" if value.eq_ignore_ascii_case(b"yes") => skip_me = true,
            b"skipme" if value.eq_ignore_ascii_case(b"no") => skip_me = false,
            _ => return error(SYNTAX),
        }
    }
    if !rest.is_empty() {
        return error(SYNTAX);
    }
    chosen.retain(|client| !skip_me || client.id != session.client.id);
    for client in &chosen {
        client.end();
    }
    crate::sentinel::reply::integer(chosen.len())
}

fn reply(session: &mut Session, mode: &[u8]) -> Reply {
    let (muted, replies) = match mode.to_ascii_lowercase().as_slice() {
        b"on" => (Muted::No, vec![Frame::ok()]),
        b"off" => (Muted::Yes, Vec::new()),
        b"skip" if session.muted == Muted::Yes => (Muted::Yes, Vec::new()),
        b"skip" => (Muted::Next, Vec::new()),
        _ => return Reply::Is(error(SYNTAX)),
    };
    session.muted = muted;
    Reply::Are(replies)
}

fn tracking_info() -> Frame {
    Frame::Map(vec![
        (word("flags"), Frame::Set(vec![word("off")])),
        (word("redirect"), Frame::Integer(-1)),
        (word("prefixes"), Frame::Array(Vec::new())),
    ])
}

fn verbatim(content: String) -> Frame {
    Frame::Verbatim {
        format: *b"txt",
        text: content.into(),
    }
}
