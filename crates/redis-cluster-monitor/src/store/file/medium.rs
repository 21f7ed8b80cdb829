//! The three things that a journal does with a file.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;

/// A file, or something that fails like one.
pub(super) trait Medium: Send {
    /// All bytes.
    fn read(&mut self) -> io::Result<Vec<u8>>;
    /// Puts `bytes` at `offset`. They are durable after the next [`Medium::sync`].
    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable. After an error nothing is known about any of it.
    fn sync(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.seek(SeekFrom::Start(0))?;
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset as u64)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
