//! Runs a Lambda binary as a process and sends it events, to measure latency or to count instructions.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use local_stack::Error;
use local_stack::lambda::{Poll, RuntimeApi};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::binary::Binary;
use crate::cpu_quota::CpuQuota;
use crate::fixture::{Fixture, Transport};

/// Limit for each poll and each response.
const PROCESS_TIMEOUT: Duration = Duration::from_mins(1);

/// Time for a process to become idle after its last poll, so that all of its instructions are counted.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// Longer than the period of a CPU quota, so that each request starts with the full quota.
const PAUSE_BETWEEN_REQUESTS: Duration = Duration::from_millis(40);

/// The measurements of one process.
pub struct Run {
    /// From start to first poll.
    pub init: Duration,
    pub first: Duration,
    pub warm: Vec<Duration>,
    pub peak_memory_kib: u64,
    /// The last line of standard output, or null if it is not JSON.
    pub log: Value,
}

struct Process {
    child: Child,
    api: RuntimeApi,
    started: Instant,
    log: JoinHandle<Option<String>>,
}

impl Process {
    async fn start(
        mut command: Command,
        binary: &Binary,
        fixture: &Fixture,
        transport: Transport,
    ) -> Result<Self, Error> {
        let api = RuntimeApi::start().await?;
        command
            .env_clear()
            .envs(fixture.variables(transport))
            .envs(api.variables(&binary.name))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            let program = command.as_std().get_program().display();
            format!(
                "cannot start {program}: {error} (valgrind is not needed with --no-instructions)"
            )
        })?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let log = tokio::spawn(last_line(stdout));
        Ok(Self {
            child,
            api,
            started,
            log,
        })
    }

    async fn wait_for_poll(&mut self, binary: &Binary) -> Result<Poll, Error> {
        tokio::select! {
            poll = timeout(PROCESS_TIMEOUT, self.api.next_poll()) => poll?,
            status = self.child.wait() => Err(format!("{} exited: {}", binary.name, status?).into()),
        }
    }

    /// Sends an event and returns the time to its response. Fails if the response is not the expected one.
    async fn invoke(
        &mut self,
        poll: Poll,
        binary: &Binary,
        event: &Value,
    ) -> Result<Duration, Error> {
        let sent = Instant::now();
        poll.send_event(event);
        let response = tokio::select! {
            response = timeout(PROCESS_TIMEOUT, self.api.next_response()) => response??,
            status = self.child.wait() => {
                return Err(format!("{} exited: {}", binary.name, status?).into());
            }
        };
        binary.check_response(&response)?;
        Ok(response.received_at - sent)
    }
}

async fn last_line(stdout: ChildStdout) -> Option<String> {
    let mut lines = BufReader::new(stdout).lines();
    let mut last = None;
    while let Ok(Some(line)) = lines.next_line().await {
        last = Some(line);
    }
    last
}

/// Starts a process and sends it events sequentially. A CPU quota applies from the first event on, because
/// Lambda gives a full vCPU during init.
pub async fn measure_run(
    binary: &Binary,
    fixture: &Fixture,
    transport: Transport,
    invocations: usize,
    cpu_quota: Option<&CpuQuota>,
) -> Result<Run, Error> {
    let command = Command::new(&binary.path);
    let mut process = Process::start(command, binary, fixture, transport).await?;
    let poll = process.wait_for_poll(binary).await?;
    let init = poll.received_at - process.started;
    if let Some(cpu_quota) = cpu_quota {
        cpu_quota.apply_to(process.child.id().ok_or("the process has exited")?)?;
    }
    let event = binary.next_event(fixture).await?;
    let first = process.invoke(poll, binary, &event).await?;
    let mut warm = Vec::with_capacity(invocations);
    for _ in 1..invocations {
        let event = binary.next_event(fixture).await?;
        let poll = process.wait_for_poll(binary).await?;
        if cpu_quota.is_some() {
            tokio::time::sleep(PAUSE_BETWEEN_REQUESTS).await;
        }
        warm.push(process.invoke(poll, binary, &event).await?);
    }
    let peak_memory_kib = peak_memory_kib(process.child.id());
    process.child.kill().await?;
    let log = process.log.await?.unwrap_or_default();
    Ok(Run {
        init,
        first,
        warm,
        peak_memory_kib,
        log: serde_json::from_str(&log).unwrap_or_default(),
    })
}

/// Counts the instructions of a process from its start to the poll after its last event. Writes a profile for
/// `callgrind_annotate` to the directory `profiles`.
pub async fn count_instructions(
    binary: &Binary,
    fixture: &Fixture,
    transport: Transport,
    invocations: usize,
    profiles: Option<&Path>,
) -> Result<u64, Error> {
    let profile = match profiles {
        Some(directory) => directory.join(format!("{}.{invocations}", binary.name)),
        None => PathBuf::from("/dev/null"),
    };
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind");
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(&binary.path);
    let mut process = Process::start(command, binary, fixture, transport).await?;
    for _ in 0..invocations {
        let event = binary.next_event(fixture).await?;
        let poll = process.wait_for_poll(binary).await?;
        process.invoke(poll, binary, &event).await?;
    }
    let _unanswered_poll = process.wait_for_poll(binary).await?;
    tokio::time::sleep(SETTLE_TIME).await;
    let process_id = process
        .child
        .id()
        .ok_or("the process has exited")?
        .to_string();
    Command::new("kill").arg(process_id).status().await?;
    let mut report = String::new();
    if let Some(stderr) = &mut process.child.stderr {
        stderr.read_to_string(&mut report).await?;
    }
    let total = report
        .lines()
        .find_map(|line| line.split_once("Collected :"));
    let (_, total) =
        total.ok_or_else(|| format!("callgrind has not reported a total: {report}"))?;
    Ok(total.trim().parse()?)
}

/// Returns the peak resident memory of a process, or 0 on systems without `/proc`.
fn peak_memory_kib(process_id: Option<u32>) -> u64 {
    let status = process_id.map(|id| std::fs::read_to_string(format!("/proc/{id}/status")));
    let status = status.and_then(Result::ok).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kibibytes.unwrap_or_default()
}
