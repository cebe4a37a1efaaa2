//! Limits a process to the CPU time that Lambda gives to a memory size, with a Linux control group.

use std::fs;
use std::path::{Path, PathBuf};

use local_stack::Error;

/// Memory size at which Lambda gives one vCPU:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const ONE_VCPU_MB: u32 = 1769;

/// A process that has used up its quota waits for the end of the period.
const PERIOD_MICROS: u32 = 20_000;

/// A control group, removed on drop.
pub struct CpuQuota(PathBuf);

impl CpuQuota {
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
        // Fails if the kernel has not yet released a process that has just exited; the group then remains, empty.
        let _ = fs::remove_dir(&self.0);
    }
}

fn cgroup_error(path: &Path, error: &std::io::Error) -> Error {
    let path = path.display();
    format!("{path}: {error} (a CPU quota requires root and Linux control groups)").into()
}
