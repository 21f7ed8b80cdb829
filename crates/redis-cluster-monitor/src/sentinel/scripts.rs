//! What `SENTINEL PENDING-SCRIPTS` tells of hooks that run or wait to be run.

use std::fmt;
use std::sync::Arc;

use rcm_resp::Frame;

use super::reply::{text, word};

/// A hook that runs, or waits for its next run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// What it does now.
    pub state: State,
    /// How often it was run before.
    pub retries: u32,
}

/// What a hook does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Runs {
        /// The process.
        pid: u32,
        /// Since it began.
        for_ms: u64,
    },
    /// It waits for its next run.
    Waits {
        /// Until then.
        for_ms: u64,
    },
}

impl Script {
    pub(super) const fn is_running(&self) -> bool {
        matches!(self.state, State::Runs { .. })
    }

    pub(super) fn frame(&self) -> Frame {
        let argv = self.words.iter().map(|word| text(word.clone()));
        let (flags, pid, age_name, age) = match self.state {
            State::Runs { pid, for_ms } => ("running", pid, "run-time", for_ms),
            State::Waits { for_ms } => ("scheduled", 0, "run-delay", for_ms),
        };
        Frame::Map(vec![
            (word("argv"), Frame::Array(argv.collect())),
            (word("flags"), word(flags)),
            (word("pid"), text(pid.to_string())),
            (word(age_name), text(age.to_string())),
            (word("retry-num"), text(self.retries.to_string())),
        ])
    }
}

/// Who knows which hooks run or wait now.
#[derive(Clone)]
pub struct Scripts(Arc<dyn Fn() -> Vec<Script> + Send + Sync>);

impl Scripts {
    /// They are asked for when a client asks.
    pub fn new(pending: impl Fn() -> Vec<Script> + Send + Sync + 'static) -> Self {
        Self(Arc::new(pending))
    }

    /// There are no hooks.
    pub fn none() -> Self {
        Self::new(Vec::new)
    }

    pub(super) fn pending(&self) -> Vec<Script> {
        (self.0)()
    }
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcm_resp::{Version, encode_frame};

    #[test]
    fn a_hook_is_told_with_what_it_does() {
        let check = |state, expected: &str| {
            let script = Script {
                words: vec!["/bin/hook".to_owned(), "+sdown".to_owned()],
                state,
                retries: 2,
            };
            let mut out = bytes::BytesMut::new();
            encode_frame(&script.frame(), Version::Resp3, &mut out);
            let text = String::from_utf8(out.to_vec()).unwrap();
            assert_eq!(text.replace("\r\n", " "), expected);
        };
        check(
            State::Runs { pid: 7, for_ms: 5 },
            "%5 $4 argv *2 $9 /bin/hook $6 +sdown $5 flags $7 running $3 pid $1 7 \
             $8 run-time $1 5 $9 retry-num $1 2 ",
        );
        check(
            State::Waits { for_ms: 30_000 },
            "%5 $4 argv *2 $9 /bin/hook $6 +sdown $5 flags $9 scheduled $3 pid $1 0 \
             $9 run-delay $5 30000 $9 retry-num $1 2 ",
        );
    }
}
