//! What each command does. Which ones there are is in [`super::table`].

mod about;
mod connection;
mod groups;
mod help;
mod pubsub;
mod settings;

use bytes::Bytes;
use rcm_resp::{Frame, Version};

use super::house::House;
use super::reply::{self, error};
use super::session::{Reply, Rights, Session};
use super::table::{self, COMMANDS, Command, QUIT};

/// Answers one request; `words` is never empty.
pub(super) fn answer(session: &mut Session, words: &[Bytes], house: &House) -> Reply {
    let name = words.first().map_or(&[][..], AsRef::as_ref);
    if is_from_a_browser(name) {
        house.complain(&session.client, "is a web browser");
        return Reply::Last(error("ERR this is no web server"));
    }
    let (command, whole_name) = match find(words) {
        Ok(found) => found,
        Err(frame) => return Reply::Is(frame),
    };
    note(session, command.name, house);
    if let Some(refusal) = refusal(session, command, &whole_name) {
        return Reply::Is(refusal);
    }
    let (container, word) = whole_name
        .split_once('|')
        .map_or((whole_name.as_str(), ""), |(container, word)| {
            (container, word)
        });
    let arguments = words.get(1..).unwrap_or_default();
    match container {
        "ping" => connection::ping(session, arguments),
        "quit" => Reply::Last(Frame::ok()),
        "hello" => connection::hello(session, arguments, house),
        "auth" => connection::auth(session, arguments, house),
        "client" => connection::client(session, word, arguments, house),
        "subscribe" => pubsub::subscribe(
            session,
            super::subscriptions::Kind::Channel,
            arguments,
            house,
        ),
        "psubscribe" => pubsub::subscribe(
            session,
            super::subscriptions::Kind::Pattern,
            arguments,
            house,
        ),
        "unsubscribe" => {
            pubsub::unsubscribe(session, super::subscriptions::Kind::Channel, arguments)
        }
        "punsubscribe" => {
            pubsub::unsubscribe(session, super::subscriptions::Kind::Pattern, arguments)
        }
        "sentinel" => groups::answer(word, arguments, house),
        "role" => Reply::Is(about::role(house)),
        "info" => Reply::Is(about::info(arguments, house)),
        "command" => Reply::Is(about::command(word, arguments)),
        "acl" => Reply::Is(settings::acl(session, word)),
        "publish" => Reply::Is(error(settings::PUBLISH)),
        _ => Reply::Is(error(settings::SHUTDOWN)),
    }
}

/// The command that is meant, and its whole name; or the error of one that is not there.
fn find(words: &[Bytes]) -> Result<(&'static Command, String), Frame> {
    let name = words.first().map_or(&[][..], AsRef::as_ref);
    let quit = name
        .eq_ignore_ascii_case(QUIT.name.as_bytes())
        .then_some(&QUIT);
    let Some(command) = quit.or_else(|| table::find(COMMANDS, name)) else {
        return Err(reply::unknown_command(words));
    };
    let Some(word) = words.get(1).filter(|_| !command.subcommands.is_empty()) else {
        if !command.takes(words.len()) {
            return Err(reply::wrong_arity(command.name));
        }
        return Ok((command, command.name.to_owned()));
    };
    let Some(sub) = table::find(command.subcommands, word) else {
        return Err(reply::unknown_subcommand(command.name, word));
    };
    let whole_name = format!("{}|{}", command.name, sub.name);
    if !sub.takes(words.len()) {
        return Err(reply::wrong_arity(&whole_name));
    }
    Ok((sub, whole_name))
}

/// Why this connection may not do that now.
fn refusal(session: &Session, command: &Command, whole_name: &str) -> Option<Frame> {
    let needed = match (command.opens, command.acts) {
        (true, _) => Rights::Knock,
        (false, false) => Rights::Read,
        (false, true) => Rights::Act,
    };
    if session.rights < needed {
        return Some(error(reply::NO_AUTH));
    }
    let is_bound = session.version == Version::Resp2 && session.listens();
    let is_allowed = matches!(
        whole_name,
        "ping" | "quit" | "subscribe" | "unsubscribe" | "psubscribe" | "punsubscribe"
    );
    (is_bound && !is_allowed).then(|| {
        error(format!(
            "ERR Can't execute '{whole_name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / \
             QUIT / RESET are allowed in this context"
        ))
    })
}

fn note(session: &Session, command: &'static str, house: &House) {
    let mut facts = session.client.facts();
    facts.last_command = command;
    facts.last_at = house.now();
}

/// A page that a browser was lured to can make it send requests here, one line of which would be
/// a command.
fn is_from_a_browser(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}
