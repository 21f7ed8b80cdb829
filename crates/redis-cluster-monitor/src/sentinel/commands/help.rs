//! What `HELP` says, as Redis lays it out.

use rcm_resp::Frame;

use crate::sentinel::reply::lines;

pub(super) fn sentinel() -> Frame {
    lines([
        "SENTINEL <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CKQUORUM <group>",
        "    Whether this monitor could replace the primary of the group now.",
        "CONFIG GET <pattern> [<pattern> ...]",
        "    Show global settings.",
        "FAILOVER <group>",
        "    Replace the primary of the group.",
        "FLUSHCONFIG",
        "    Nothing to do: what is agreed is written before it is done.",
        "GET-MASTER-ADDR-BY-NAME <group>, GET-PRIMARY-ADDR-BY-NAME <group>",
        "    Where the primary of the group listens.",
        "INFO-CACHE <group> [<group> ...]",
        "    What the nodes of the groups said last in INFO.",
        "IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
        "    Whether the primary that listens there is lost.",
        "MASTER <group>, PRIMARY <group>",
        "    Show the primary of the group.",
        "MASTERS, PRIMARIES",
        "    Show the primaries of all groups.",
        "MYID",
        "    The id of this monitor.",
        "PENDING-SCRIPTS",
        "    Hooks that run or wait.",
        "REPLICAS <group>, SLAVES <group>",
        "    Show the replicas of the group.",
        "SENTINELS <group>",
        "    Other monitors of the group: there are none.",
        "DEBUG, MONITOR, REMOVE, RESET, SET, CONFIG SET, SIMULATE-FAILURE",
        "    Refused, with what to do here instead.",
        "HELP",
        "    Prints this help.",
    ])
}

pub(super) fn client() -> Frame {
    lines([
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GETNAME",
        "    The name of this connection.",
        "ID",
        "    The number of this connection.",
        "INFO",
        "    What is known of this connection.",
        "KILL <ip:port>",
        "    End the connection from <ip:port>.",
        "KILL (ID|ADDR|TYPE|SKIPME) <value> [...]",
        "    End connections.",
        "LIST [TYPE (NORMAL|PUBSUB)] [ID <id> ...]",
        "    What is known of connections.",
        "REPLY (ON|OFF|SKIP)",
        "    Whether this connection gets replies.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Name the library of this connection.",
        "SETNAME <name>",
        "    Name this connection.",
        "CACHING, GETREDIR, NO-EVICT, NO-TOUCH, PAUSE, TRACKING, TRACKINGINFO, UNBLOCK, UNPAUSE",
        "    Answered as by a server that holds no data.",
        "HELP",
        "    Prints this help.",
    ])
}

pub(super) fn command() -> Frame {
    lines([
        "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "(no subcommand)",
        "    How all commands are called.",
        "COUNT",
        "    How many commands there are.",
        "LIST [FILTERBY PATTERN <pattern>]",
        "    The names of all commands.",
        "INFO [<command-name> ...]",
        "    How commands are called.",
        "DOCS [<command-name> ...]",
        "    What commands do.",
        "HELP",
        "    Prints this help.",
    ])
}
