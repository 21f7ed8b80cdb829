//! A password: it can be used, and never be shown.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A password. It has no `Display`, and its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password, for the wire and for nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Reads a password from a file, without the newline at its end. The second part is a warning.
    pub(super) fn read(path: &Path) -> Result<(Self, Option<String>), String> {
        Self::read_as("password", path)
    }

    /// As [`Self::read`], for a secret that is called otherwise.
    pub(super) fn read_as(what: &str, path: &Path) -> Result<(Self, Option<String>), String> {
        let cannot =
            |error: io::Error| format!("cannot read the {what} file {}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(cannot)?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            return Err(format!("the {what} file {} is empty", path.display()));
        }
        let mode = fs::metadata(path).map_err(cannot)?.permissions().mode();
        let warning = (mode & 0o004 != 0).then(|| {
            format!(
                "every user of this machine can read the {what} file {}; chmod 600 it",
                path.display()
            )
        });
        Ok((Self::new(text), warning))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_read_without_its_newline_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for text in ["hunter2", "hunter2\n", "hunter2\r\n"] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let (secret, warning) = Secret::read(&path).unwrap();
            assert_eq!(secret.reveal(), "hunter2");
            assert_eq!(format!("{secret:?}"), "Secret");
            assert_eq!(warning, None);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let (_, warning) = Secret::read(&path).unwrap();
        assert!(warning.unwrap().contains("chmod 600"));
    }

    #[test]
    fn a_password_file_that_is_missing_or_empty_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let text = path.display().to_string();
        assert!(Secret::read(&path).unwrap_err().contains(&text));
        fs::write(&path, "\n").unwrap();
        assert!(Secret::read(&path).unwrap_err().contains("is empty"));
    }
}
