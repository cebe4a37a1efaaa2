//! The share of a core that a function has on Lambda, as a control group of Linux gives it.

use std::fs;
use std::path::{Path, PathBuf};

use dev::Error;

/// The memory in MB at which a function has a whole core:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const WHOLE_CORE: u32 = 1769;

/// How often a share is dealt out anew, in microseconds; what is used up is waited for until then.
const PERIOD: u32 = 20_000;

/// A control group; it goes with the value.
pub struct Share(PathBuf);

impl Share {
    /// That of a function with so many MB.
    pub fn of(megabytes: u32) -> Result<Self, Error> {
        let quota = PERIOD * megabytes / WHOLE_CORE;
        let old = Path::new("/sys/fs/cgroup/cpu");
        let parent = if old.is_dir() {
            old
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let share = Self(parent.join(format!("bench-{}", std::process::id())));
        fs::create_dir(&share.0).map_err(|error| refused(&share.0, &error))?;
        if old.is_dir() {
            share.write("cpu.cfs_period_us", &PERIOD.to_string())?;
            share.write("cpu.cfs_quota_us", &quota.to_string())?;
        } else {
            share.write("cpu.max", &format!("{quota} {PERIOD}"))?;
        }
        Ok(share)
    }

    /// Bounds this process by it from now on.
    pub fn bound(&self, process: u32) -> Result<(), Error> {
        self.write("cgroup.procs", &process.to_string())
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        let path = self.0.join(file);
        fs::write(&path, text).map_err(|error| refused(&path, &error))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A process that has just ended holds on to it for a moment; then it stays, and is empty.
        let _ = fs::remove_dir(&self.0);
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    let path = path.display();
    format!("{path}: {error}; a share of a core takes root and Linux's control groups").into()
}
