//! Copies a database in use: one snapshot, compact, complete or not there at all.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use super::connection::{Purpose, connect, make_private, store_error};
use crate::StoreError;

/// Copies the database at `from` to a new file at `to`. Blocks until the copy has reached the disk.
///
/// Writers go on meanwhile; their log grows until the copy is done.
pub(super) fn backup(from: &Path, to: &Path, patience: Duration) -> Result<(), StoreError> {
    if to.try_exists().map_err(unavailable)? {
        // A backup that replaces the last good one is how both are lost.
        return Err(unavailable(io::Error::new(ErrorKind::AlreadyExists, "the backup's file exists already")));
    }
    let partial = partial(to);
    let copied = copy(from, &partial, patience).and_then(|()| publish(&partial, to).map_err(unavailable));
    if copied.is_err() {
        // What is left of it is of no use; where it can't be removed either, its name says so.
        let _ = std::fs::remove_file(&partial);
    }
    copied
}

/// Where the copy is made: beside its place, so that it gets there by being renamed.
fn partial(to: &Path) -> PathBuf {
    let mut name = OsString::from(to);
    name.push(".partial");
    PathBuf::from(name)
}

fn copy(from: &Path, partial: &Path, patience: Duration) -> Result<(), StoreError> {
    let name = partial.to_str().ok_or_else(|| {
        unavailable(io::Error::new(ErrorKind::InvalidFilename, "the backup's file name is not UTF-8"))
    })?;
    if let Err(error) = std::fs::remove_file(partial)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(unavailable(error));
    }
    make_private(partial).map_err(unavailable)?;
    // SQLite takes the copy for a write and refuses it to a connection that may only read.
    let source = connect(from, Purpose::Write, patience).map_err(store_error)?;
    // Unlike a copy page by page it needs no second try when somebody writes, and takes nothing along of what was erased.
    source.execute("VACUUM INTO ?1", [name]).map(drop).map_err(store_error)
}

fn publish(partial: &Path, to: &Path) -> io::Result<()> {
    File::open(partial)?.sync_all()?;
    std::fs::rename(partial, to)?;
    // The name is only safe once its folder has reached the disk as well.
    #[cfg(unix)]
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "so that it can be handed to map_err")]
fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
