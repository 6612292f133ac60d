//! How much room a disk has.

use std::io;
use std::path::Path;

use super::text::thousands;

/// Refuses what does not fit on the disk that holds `folder`; a system that does not tell is trusted.
pub(crate) fn check(folder: &Path, needed: u64) -> io::Result<()> {
    match free(folder) {
        Some(free) if free < needed => Err(full(needed, Some(free))),
        _ => Ok(()),
    }
}

/// The error of a disk on which `needed` bytes have no room.
pub(crate) fn full(needed: u64, free: Option<u64>) -> io::Error {
    let free = free.map_or_else(String::new, |free| format!(", {} are free", thousands(free)));
    io::Error::new(io::ErrorKind::StorageFull, format!("no space left on device; {} bytes are needed{free}", thousands(needed)))
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    stat.f_bavail.checked_mul(stat.f_frsize)
}

#[cfg(not(unix))]
const fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(check(folder.path(), 1).is_ok());
        let error = check(folder.path(), u64::MAX).expect_err("no disk is so large");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let text = error.to_string();
        assert!(
            text.starts_with("no space left on device; 18,446,744,073,709,551,615 bytes are needed, ") && text.ends_with(" are free"),
            "{text}"
        );
    }
}
