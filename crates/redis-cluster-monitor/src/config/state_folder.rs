//! Where the file store lives when nobody says it.

use std::path::PathBuf;

use super::{Environment, Error};

/// The folder's name below the user's folder for state.
const NAME: &str = "redis-cluster-monitor";

/// The folder that was told, else the service manager's, else the user's.
pub(super) fn resolve(told: Option<PathBuf>, env: Environment<'_>) -> Result<PathBuf, Error> {
    let path = |name| {
        env(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // A relative path in these two is to be ignored, by their specification.
    let absolute = |name| path(name).filter(|path| path.is_absolute());
    told.or_else(|| path("STATE_DIRECTORY").map(first_of_several))
        .or_else(|| absolute("XDG_STATE_HOME").map(|state| state.join(NAME)))
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state").join(NAME)))
        .ok_or_else(|| {
            Error::new(
                "no folder for the state: none of STATE_DIRECTORY, XDG_STATE_HOME and HOME is set\n\
                 help: name one with --state-dir DIR",
            )
        })
}

/// A service can have several state folders, separated by colons.
fn first_of_several(path: PathBuf) -> PathBuf {
    match path.to_str().and_then(|text| text.split_once(':')) {
        Some((first, _)) => PathBuf::from(first),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn the_folder_is_the_first_that_somebody_names() {
        let all = [
            ("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"),
            ("XDG_STATE_HOME", "/xdg"),
            ("HOME", "/home/me"),
        ];
        for (told, from, expected) in [
            (Some("x"), 0, Some("x")),
            (None, 0, Some("/var/lib/a")),
            (None, 1, Some("/xdg/redis-cluster-monitor")),
            (None, 2, Some("/home/me/.local/state/redis-cluster-monitor")),
            (None, 3, None),
        ] {
            let env = |name: &str| {
                all[from..]
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| OsString::from(value))
            };
            let found = resolve(told.map(PathBuf::from), &env).ok();
            assert_eq!(found, expected.map(PathBuf::from));
        }
    }
}
