//! Commands that are known to be about keys only: each has one reply, and neither it nor its effect
//! depends on the connection that asks.
//!
//! Deliberately not here: what waits for something, what tells or changes what a connection is, what
//! is for administrators, and what nobody here knows.

/// Commands that only read, in alphabetical order.
const READS: &[&[u8]] = &[
    b"BITCOUNT",
    b"BITFIELD_RO",
    b"BITPOS",
    b"COMMAND",
    b"DBSIZE",
    b"DUMP",
    b"ECHO",
    b"EVALSHA_RO",
    b"EVAL_RO",
    b"EXISTS",
    b"EXPIRETIME",
    b"FCALL_RO",
    b"GEODIST",
    b"GEOHASH",
    b"GEOPOS",
    b"GEORADIUSBYMEMBER_RO",
    b"GEORADIUS_RO",
    b"GEOSEARCH",
    b"GET",
    b"GETBIT",
    b"GETRANGE",
    b"HEXISTS",
    b"HEXPIRETIME",
    b"HGET",
    b"HGETALL",
    b"HKEYS",
    b"HLEN",
    b"HMGET",
    b"HPEXPIRETIME",
    b"HPTTL",
    b"HRANDFIELD",
    b"HSCAN",
    b"HSTRLEN",
    b"HTTL",
    b"HVALS",
    b"INFO",
    b"KEYS",
    b"LASTSAVE",
    b"LCS",
    b"LINDEX",
    b"LLEN",
    b"LPOS",
    b"LRANGE",
    b"MGET",
    b"PEXPIRETIME",
    b"PFCOUNT",
    b"PING",
    b"PTTL",
    b"RANDOMKEY",
    b"ROLE",
    b"SCAN",
    b"SCARD",
    b"SDIFF",
    b"SINTER",
    b"SINTERCARD",
    b"SISMEMBER",
    b"SMEMBERS",
    b"SMISMEMBER",
    b"SORT_RO",
    b"SRANDMEMBER",
    b"SSCAN",
    b"STRLEN",
    b"SUBSTR",
    b"SUNION",
    b"TIME",
    b"TTL",
    b"TYPE",
    b"XINFO",
    b"XLEN",
    b"XPENDING",
    b"XRANGE",
    b"XREVRANGE",
    b"ZCARD",
    b"ZCOUNT",
    b"ZDIFF",
    b"ZINTER",
    b"ZINTERCARD",
    b"ZLEXCOUNT",
    b"ZMSCORE",
    b"ZRANDMEMBER",
    b"ZRANGE",
    b"ZRANGEBYLEX",
    b"ZRANGEBYSCORE",
    b"ZRANK",
    b"ZREVRANGE",
    b"ZREVRANGEBYLEX",
    b"ZREVRANGEBYSCORE",
    b"ZREVRANK",
    b"ZSCAN",
    b"ZSCORE",
    b"ZUNION",
];

/// Commands that change data and nothing else, in alphabetical order. Scripts and functions are
/// among them: they cannot wait, and cannot change the connection that runs them.
const CHANGES: &[&[u8]] = &[
    b"APPEND",
    b"BITFIELD",
    b"BITOP",
    b"COPY",
    b"DECR",
    b"DECRBY",
    b"DEL",
    b"DELEX",
    b"DELIFEQ",
    b"EVAL",
    b"EVALSHA",
    b"EXPIRE",
    b"EXPIREAT",
    b"FCALL",
    b"GEOADD",
    b"GEORADIUS",
    b"GEORADIUSBYMEMBER",
    b"GEOSEARCHSTORE",
    b"GETDEL",
    b"GETEX",
    b"GETSET",
    b"HDEL",
    b"HEXPIRE",
    b"HEXPIREAT",
    b"HGETDEL",
    b"HGETEX",
    b"HINCRBY",
    b"HINCRBYFLOAT",
    b"HMSET",
    b"HPERSIST",
    b"HPEXPIRE",
    b"HPEXPIREAT",
    b"HSET",
    b"HSETEX",
    b"HSETNX",
    b"INCR",
    b"INCRBY",
    b"INCRBYFLOAT",
    b"LINSERT",
    b"LMOVE",
    b"LMPOP",
    b"LPOP",
    b"LPUSH",
    b"LPUSHX",
    b"LREM",
    b"LSET",
    b"LTRIM",
    b"MOVE",
    b"MSET",
    b"MSETEX",
    b"MSETNX",
    b"PERSIST",
    b"PEXPIRE",
    b"PEXPIREAT",
    b"PFADD",
    b"PFMERGE",
    b"PSETEX",
    b"PUBLISH",
    b"RENAME",
    b"RENAMENX",
    b"RESTORE",
    b"RPOP",
    b"RPOPLPUSH",
    b"RPUSH",
    b"RPUSHX",
    b"SADD",
    b"SDIFFSTORE",
    b"SET",
    b"SETBIT",
    b"SETEX",
    b"SETNX",
    b"SETRANGE",
    b"SINTERSTORE",
    b"SMOVE",
    b"SORT",
    b"SPOP",
    b"SPUBLISH",
    b"SREM",
    b"SUNIONSTORE",
    b"TOUCH",
    b"UNLINK",
    b"XACK",
    b"XACKDEL",
    b"XADD",
    b"XAUTOCLAIM",
    b"XCLAIM",
    b"XDEL",
    b"XDELEX",
    b"XGROUP",
    b"XSETID",
    b"XTRIM",
    b"ZADD",
    b"ZDIFFSTORE",
    b"ZINCRBY",
    b"ZINTERSTORE",
    b"ZMPOP",
    b"ZPOPMAX",
    b"ZPOPMIN",
    b"ZRANGESTORE",
    b"ZREM",
    b"ZREMRANGEBYLEX",
    b"ZREMRANGEBYRANK",
    b"ZREMRANGEBYSCORE",
    b"ZUNIONSTORE",
];

/// What a command does that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Reads,
    Changes,
}

type Slot = Option<(&'static [u8], Effect)>;

/// A power of two, and more than twice the number of names, so that most are found at once.
const SLOTS: usize = 512;

/// Both tables by a hash of the name: looking a command up is a part of what each request costs.
static INDEX: [Slot; SLOTS] = {
    let mut index = [None; SLOTS];
    insert(&mut index, READS, Effect::Reads);
    insert(&mut index, CHANGES, Effect::Changes);
    index
};

const fn insert(index: &mut [Slot; SLOTS], names: &[&'static [u8]], effect: Effect) {
    let mut number = 0;
    while number < names.len() {
        let mut slot = hash(names[number]);
        while index[slot].is_some() {
            slot = (slot + 1) % SLOTS;
        }
        index[slot] = Some((names[number], effect));
        number += 1;
    }
}

/// FNV-1a, folded.
const fn hash(name: &[u8]) -> usize {
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 16)) as usize % SLOTS
}

/// What a command of this name, in capitals, does.
pub(super) fn effect(name: &[u8]) -> Option<Effect> {
    let mut slot = hash(name);
    while let Some((known, effect)) = INDEX[slot] {
        if known == name {
            return Some(effect);
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::session::command::{Kind, NAME_LIMIT};

    #[test]
    fn what_is_in_a_table_is_found() {
        for (table, kind) in [(READS, Kind::Read), (CHANGES, Kind::Change)] {
            assert!(table.is_sorted());
            for name in table {
                assert!(name.len() <= NAME_LIMIT);
                assert_eq!(Kind::of([*name].into_iter()), kind);
            }
        }
    }
}
