//! `--memory`: how much of it a run may take.

use std::fs;

use trailsift::frame::Store;

use super::leftovers;

/// The least that may be given: what two threads hold of a large file at once, and the program itself.
const LEAST: u64 = 256 << 20;
/// What is kept for the work whatever the limit.
const FOR_WORK: u64 = 384 << 20;
/// What is taken for the machine's memory where the system does not tell.
const UNKNOWN_MACHINE: u64 = 4 << 30;

/// Reads a size: bytes, or a number with `KiB`, `MiB`, `GiB`, `KB`, `MB` or `GB`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("give a size such as 512MiB, 2GiB or 3GB".to_owned()),
    };
    let bytes = digits.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match bytes {
        Some(bytes) if bytes >= LEAST => Ok(bytes),
        Some(_) => Err("a run needs 256MiB at least".to_owned()),
        None => Err("give a size such as 512MiB, 2GiB or 3GB".to_owned()),
    }
}

/// Bytes that events may take in memory within a limit: the rest is for the work on them and for what is found.
pub(crate) fn for_events(limit: Option<u64>) -> u64 {
    let limit = limit.unwrap_or_else(|| machine().unwrap_or(UNKNOWN_MACHINE) / 2);
    limit.saturating_sub(FOR_WORK) / 2
}

/// Keeps events in memory, and those that do not fit in files.
pub(crate) fn store(limit: Option<u64>) -> Store {
    Store::within(for_events(limit)).telling(leftovers::keep)
}

/// Has all threads of a run with a limit allocate from one place, for which the program begins anew.
///
/// The GNU allocator gives each thread an arena of its own, and what is freed in one serves no other: of a run in few
/// hundred MiB that is a third. It reads its settings as the program is loaded and in no other way that is safe. Where the
/// program cannot be started again, or somebody has settings of their own, the run goes on as it is.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn hold_together(limit: Option<u64>) {
    use std::env;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    const SETTINGS: &str = "GLIBC_TUNABLES";
    if limit.is_none() || [SETTINGS, "MALLOC_ARENA_MAX"].iter().any(|name| env::var_os(name).is_some()) {
        return;
    }
    let (Ok(program), mut words) = (env::current_exe(), env::args_os()) else { return };
    let mut again = Command::new(program);
    if let Some(name) = words.next() {
        again.arg0(name);
    }
    // It comes back only where it failed.
    let _ = again.args(words).env(SETTINGS, "glibc.malloc.arena_max=1").exec();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn hold_together(_: Option<u64>) {}

/// Bytes of the machine's memory.
fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, wanted) in [("268435456", 256 << 20), ("256MiB", 256 << 20), ("2g", 2 << 30), ("3GB", 3_000_000_000), ("1 GiB", 1 << 30)]
        {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
        for text in ["", "1", "-1GiB", "2 TiB", "GiB", "99999999999999999999", "18446744073709551615GiB", "255MiB", "1.5GiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
