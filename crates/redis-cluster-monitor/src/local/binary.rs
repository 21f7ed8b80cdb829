//! Where server programs are found.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{self, Path, PathBuf};

use super::{Error, source_tree};

/// Names a server program, and wins over every other place.
const OVERRIDE: &str = "RCM_REDIS_SERVER";

/// The servers that the tests run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Whatever this machine has; the same as [`Binary::find`].
    System,
    Redis62,
    Valkey9,
}

impl Version {
    pub const ALL: [Self; 3] = [Self::System, Self::Redis62, Self::Valkey9];

    /// The place below `target/servers`.
    fn place(self) -> &'static str {
        match self {
            Self::System => "system/redis-server",
            Self::Redis62 => "redis-6.2/redis-server",
            Self::Valkey9 => "valkey-9/valkey-server",
        }
    }
}

/// A server program that exists and may be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// Any server of this machine: `RCM_REDIS_SERVER`, else `redis-server` or `valkey-server` on
    /// PATH, else what `make servers` left.
    pub fn find() -> Result<Self, Error> {
        if let Some(path) = env::var_os(OVERRIDE).filter(|path| !path.is_empty()) {
            return Self::at(path);
        }
        let path = env::var_os("PATH").unwrap_or_default();
        ["redis-server", "valkey-server"]
            .iter()
            .flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)))
            .find(|candidate| is_executable(candidate))
            .map_or_else(|| Self::in_folder(Version::System, &servers()), Self::at)
    }

    /// The server of one version.
    pub fn of(version: Version) -> Result<Self, Error> {
        match version {
            Version::System => Self::find(),
            Version::Redis62 | Version::Valkey9 => Self::in_folder(version, &servers()),
        }
    }

    /// The server program at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        // Absolute, because servers run in folders of their own.
        let path = path::absolute(&path).unwrap_or(path);
        if !is_executable(&path) {
            return Err(Error::Missing {
                what: format!("server program {}", path.display()),
                hint: format!("point {OVERRIDE} at a redis-server or valkey-server program"),
            });
        }
        Ok(Self { path })
    }

    /// The server of one version in a folder laid out as `target/servers`.
    pub fn in_folder(version: Version, folder: &Path) -> Result<Self, Error> {
        let path = folder.join(version.place());
        if is_executable(&path) {
            return Ok(Self { path });
        }
        let hint = "`make servers` in the source tree fetches it";
        Err(match version {
            Version::System => Error::Missing {
                what: "redis-server or valkey-server".to_owned(),
                hint: format!("install one, or point {OVERRIDE} at one, or {hint}"),
            },
            Version::Redis62 | Version::Valkey9 => Error::Missing {
                what: format!("server program {}", path.display()),
                hint: hint.to_owned(),
            },
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Any other program of this machine: where the variable says, else on PATH. `install` is a command
/// that brings it.
pub(super) fn program(variable: &str, name: &str, install: &str) -> Result<PathBuf, Error> {
    let told = env::var_os(variable)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|it| is_executable(it))
    };
    told.or_else(on_path)
        .filter(|path| is_executable(path))
        .ok_or_else(|| Error::Missing {
            what: name.to_owned(),
            hint: format!("`{install}` brings it, or point {variable} at one"),
        })
}

/// What `make servers` fills.
fn servers() -> PathBuf {
    source_tree().join("target/servers")
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
