//! A Lambda binary as a process, given events: by the clock, or by callgrind, which counts instructions.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use dev::Error;
use dev::lambda::{Poll, RuntimeApi};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::binary::Binary;
use crate::cpu_quota::CpuQuota;
use crate::fixture::{Fixture, Transport};

/// How long a process may take until it asks for its next event, or answers one.
const PROCESS_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a process that has asked for an event is left alone until it sleeps.
const SETTLE_TIME: Duration = Duration::from_millis(200);

/// How long a process with a share of a core rests before each request: as most functions do, long enough
/// to have its share again.
const PAUSE_BETWEEN_REQUESTS: Duration = Duration::from_millis(40);

/// What one process took.
pub struct Run {
    /// From its start to its asking for the first event.
    pub init: Duration,
    /// From the first event to its answer.
    pub first: Duration,
    /// The same for each of the events after it.
    pub warm: Vec<Duration>,
    /// The most memory that it had, in KiB.
    pub peak_memory_kib: u64,
    /// What it wrote to its log at the end, if that was JSON.
    pub log: Value,
}

struct Process {
    child: Child,
    api: RuntimeApi,
    /// When it was started.
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
            format!("{program}: {error} (--no-instructions does without valgrind)")
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

    /// Waits until it asks for an event.
    async fn wait_for_poll(&mut self, binary: &Binary) -> Result<Poll, Error> {
        tokio::select! {
            poll = timeout(PROCESS_TIMEOUT, self.api.poll()) => poll?,
            status = self.child.wait() => Err(format!("{} ended: {}", binary.name, status?).into()),
        }
    }

    /// Gives it its next event; how long it took until the answer, which has to be the one expected.
    async fn invoke(
        &mut self,
        poll: Poll,
        binary: &Binary,
        event: &Value,
    ) -> Result<Duration, Error> {
        let sent = Instant::now();
        poll.hand_over(event);
        let response = tokio::select! {
            response = timeout(PROCESS_TIMEOUT, self.api.answer()) => response??,
            status = self.child.wait() => {
                return Err(format!("{} ended: {}", binary.name, status?).into());
            }
        };
        binary.check_response(&response)?;
        Ok(response.at - sent)
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

/// Starts a process and gives it `invocations` events, one after the other; with a share of a core, if there is
/// one, from the first of them on, as on Lambda, and with a rest before each of the others.
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
    let init = poll.at - process.started;
    if let Some(cpu_quota) = cpu_quota {
        cpu_quota.apply_to(process.child.id().ok_or("it has ended")?)?;
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

/// How many instructions a process takes until it has answered `invocations` events and asks for another;
/// what takes them goes to a file in `profiles`, for `callgrind_annotate`.
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
    let _waiting = process.wait_for_poll(binary).await?;
    tokio::time::sleep(SETTLE_TIME).await;
    let process_id = process.child.id().ok_or("it has ended")?.to_string();
    Command::new("kill").arg(process_id).status().await?;
    let mut report = String::new();
    if let Some(stderr) = &mut process.child.stderr {
        stderr.read_to_string(&mut report).await?;
    }
    let total = report
        .lines()
        .find_map(|line| line.split_once("Collected :"));
    let (_, total) = total.ok_or_else(|| format!("callgrind counted nothing: {report}"))?;
    Ok(total.trim().parse()?)
}

/// The most memory that a process has had so far, in KiB; 0 where that cannot be told.
fn peak_memory_kib(process_id: Option<u32>) -> u64 {
    let status = process_id.map(|id| std::fs::read_to_string(format!("/proc/{id}/status")));
    let status = status.and_then(Result::ok).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kibibytes.unwrap_or_default()
}
