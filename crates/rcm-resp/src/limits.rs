//! How much a peer may send before it is cut off.
//!
//! Decided here: the numbers for each role. They are not meant to be reached by anything healthy;
//! they bound what a broken or hostile peer can cost.

/// Hard limits on what is accepted from one peer.
///
/// Start from the constructor of the role and change single fields where needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest payload of a bulk string, bulk error or verbatim string, in bytes.
    pub max_bulk: usize,
    /// Most aggregates around one value. More than [`Limits::DEPTH_CEILING`] is taken as that.
    pub max_depth: usize,
    /// Most values inside one frame, counted over all its levels; a map entry counts as two.
    /// Each costs about 40 bytes once decoded.
    pub max_elements: usize,
    /// Longest line, in bytes without its type byte and its ending: a simple string, an error, a
    /// number, an inline request.
    pub max_inline: usize,
    /// Longest frame, in bytes with all its headers.
    pub max_frame: usize,
}

impl Limits {
    /// The deepest nesting any limit can allow: each scanner holds room for this many levels, so
    /// that it never allocates.
    pub const DEPTH_CEILING: usize = 32;

    /// Replies of a server we watch: trusted, but perhaps not what it claims to be. The largest
    /// reply we ask for is an INFO of some 10 KiB.
    pub const fn reply() -> Self {
        Self {
            max_bulk: 16 * MIB,
            max_depth: Self::DEPTH_CEILING,
            max_elements: MIB,
            max_inline: 64 * KIB,
            max_frame: 64 * MIB,
        }
    }

    /// Requests at a door of ours: anybody may connect, and no command of ours is long. The line
    /// limit is the one Redis has.
    pub const fn request() -> Self {
        Self {
            max_bulk: 64 * KIB,
            max_depth: 1,
            max_elements: KIB,
            max_inline: 64 * KIB,
            max_frame: MIB,
        }
    }

    /// What is only passed on between a client and its server, and therefore never held whole:
    /// bulks as long as a server with default settings takes them, any number of them.
    pub const fn relay() -> Self {
        Self {
            max_bulk: 512 * MIB,
            max_depth: Self::DEPTH_CEILING,
            max_elements: usize::MAX,
            max_inline: 64 * KIB,
            max_frame: usize::MAX,
        }
    }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
