//! Keeps the board like what is stored: everything is read, then one watch tells every change.
//!
//! After every break everything is read anew. That takes a few messages, needs no revision that
//! may have been compacted, and finds an etcd that was restored from a backup.

use std::convert::Infallible;
use std::time::Duration;

use super::board::Board;
use super::keys::{Key, Keys};
use super::stubs::event::EventType;
use super::stubs::{KeyValue, RangeRequest};
use super::transport::{Client, Fault};
use crate::clock::Clock;
use crate::store::{MAX_OPINION_BYTES, MAX_SETTINGS_BYTES, jitter};

/// How many keys are read at once.
const PAGE: i64 = 64;
/// How long nothing is tried after a break, a quarter more or less.
const PAUSE: Duration = Duration::from_millis(100);
/// How long after a failure that followed another one.
const LONG_PAUSE: Duration = Duration::from_millis(500);

/// Runs until it is dropped.
pub(super) async fn run(client: Client, keys: Keys, board: Board, clock: Clock) {
    let mut told = None;
    loop {
        let Err(why) = follow(&client, &keys, &board, clock, &mut told).await;
        // Once per trouble, not once per attempt.
        if told.as_ref() != Some(&why) {
            tracing::warn!("not told of changes in etcd: {why}");
        }
        let pause = if told.replace(why).is_none() {
            PAUSE
        } else {
            LONG_PAUSE
        };
        tokio::time::sleep(jitter(pause)).await;
    }
}

async fn follow(
    client: &Client,
    keys: &Keys,
    board: &Board,
    clock: Clock,
    told: &mut Option<String>,
) -> Result<Infallible, String> {
    let (all, revision) = read(client, keys)
        .await
        .map_err(|fault| fault.to_string())?;
    board.replace(keys, &all);
    drop(all);
    let watch = client.watch(keys.first(), &keys.end(), revision + 1).await;
    let mut messages = watch.map_err(|fault| fault.to_string())?;
    if told.take().is_some() {
        tracing::info!("told of changes in etcd again");
    }
    loop {
        let message = messages.next().await?;
        let now = clock.now();
        for event in message.events {
            let is_there = event.r#type() == EventType::Put;
            if let Some(entry) = &event.kv {
                board.apply(keys, entry, is_there, now);
            }
        }
    }
}

/// Everything below the prefix, as it was in one revision.
pub(super) async fn read(client: &Client, keys: &Keys) -> Result<(Vec<KeyValue>, i64), Fault> {
    let mut page = RangeRequest {
        key: keys.first().into(),
        range_end: keys.end(),
        limit: PAGE,
        revision: 0,
    };
    let mut all = Vec::new();
    loop {
        let answer = client.range(page.clone()).await?;
        if page.revision == 0 {
            page.revision = answer.header.unwrap_or_default().revision;
        }
        let last = answer.kvs.last().map(|entry| entry.key.clone());
        all.extend(answer.kvs.into_iter().map(|entry| summary(keys, entry)));
        match last.filter(|_| answer.more) {
            Some(mut after) => {
                after.push(0);
                page.key = after;
            }
            None => return Ok((all, page.revision)),
        }
    }
}

/// The board needs no records.
fn summary(keys: &Keys, mut entry: KeyValue) -> KeyValue {
    let most = match keys.parse(&entry.key) {
        Some(Key::Settings(_)) => MAX_SETTINGS_BYTES,
        _ => MAX_OPINION_BYTES,
    };
    if entry.value.len() > most {
        entry.value.truncate(most + 1);
        entry.value.shrink_to_fit();
    }
    entry
}
