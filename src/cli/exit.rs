//! [`Exit`]: what the process says when it ends.

use std::process::ExitCode;

/// The code of a run that was interrupted.
#[cfg(unix)]
pub(crate) const INTERRUPTED: i32 = 130;

/// How a run ended.
///
/// | code | means |
/// |---|---|
/// | 0 | ran, clean; also where the reader of the output has closed it |
/// | 1 | ran, and a finding is at or above `--fail-on`, or the digests show tampering: in `verify`, and with `--fail-on invalid` |
/// | 2 | did not run: usage, no such source, bad rule or statement, output not writable |
/// | 3 | ran, but not all evidence could be used or proven (`--allow-problems` makes it 0) |
/// | 130 | interrupted; what was half written is removed |
///
/// 1 wins over 3: the alert matters first, and the problems are in the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Ran, clean.
    Clean,
    /// A finding at or above the level that was asked for, or tampering.
    Alert,
    /// Did not run.
    Failed,
    /// Ran on evidence that is not whole.
    Incomplete,
}

impl Exit {
    /// The end of a run that came through.
    pub(crate) const fn of(alert: bool, whole: bool) -> Self {
        match (alert, whole) {
            (true, _) => Self::Alert,
            (false, true) => Self::Clean,
            (false, false) => Self::Incomplete,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Alert => 1,
            Self::Failed => 2,
            Self::Incomplete => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_wins_over_problems() {
        assert_eq!(Exit::of(true, false).code(), 1);
        assert_eq!(Exit::of(false, false).code(), 3);
        assert_eq!(Exit::of(false, true).code(), 0);
        assert_eq!(Exit::Failed.code(), 2);
    }
}
