//! The share of a core that a function has on Lambda, as a control group of Linux gives it.

use std::fs;
use std::path::{Path, PathBuf};

use dev::Error;

/// The memory in MB at which a function has a whole core:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const ONE_VCPU_MB: u32 = 1769;

/// How often a share is dealt out anew, in microseconds; what is used up is waited for until then.
const PERIOD_MICROS: u32 = 20_000;

/// A control group; it goes with the value.
pub struct CpuQuota(PathBuf);

impl CpuQuota {
    /// That of a function with so many MB.
    pub fn for_memory(megabytes: u32) -> Result<Self, Error> {
        let quota = PERIOD_MICROS * megabytes / ONE_VCPU_MB;
        let cgroup_v1 = Path::new("/sys/fs/cgroup/cpu");
        let parent = if cgroup_v1.is_dir() {
            cgroup_v1
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let cpu_quota = Self(parent.join(format!("bench-{}", std::process::id())));
        fs::create_dir(&cpu_quota.0).map_err(|error| cgroup_error(&cpu_quota.0, &error))?;
        if cgroup_v1.is_dir() {
            cpu_quota.write("cpu.cfs_period_us", &PERIOD_MICROS.to_string())?;
            cpu_quota.write("cpu.cfs_quota_us", &quota.to_string())?;
        } else {
            cpu_quota.write("cpu.max", &format!("{quota} {PERIOD_MICROS}"))?;
        }
        Ok(cpu_quota)
    }

    /// Bounds this process by it from now on.
    pub fn apply_to(&self, process_id: u32) -> Result<(), Error> {
        self.write("cgroup.procs", &process_id.to_string())
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Error> {
        let path = self.0.join(file);
        fs::write(&path, text).map_err(|error| cgroup_error(&path, &error))
    }
}

impl Drop for CpuQuota {
    fn drop(&mut self) {
        // A process that has just ended holds on to it for a moment; then it stays, and is empty.
        let _ = fs::remove_dir(&self.0);
    }
}

fn cgroup_error(path: &Path, error: &std::io::Error) -> Error {
    let path = path.display();
    format!("{path}: {error}; a share of a core takes root and Linux's control groups").into()
}
