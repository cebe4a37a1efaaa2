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

use crate::binary::Subject;
use crate::cpu_quota::Share;
use crate::fixture::{Way, World};

/// How long a process may take until it asks for its next event, or answers one.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a process that has asked for an event is left alone until it sleeps.
const SETTLING: Duration = Duration::from_millis(200);

/// How long a process with a share of a core rests before each request: as most functions do, long enough
/// to have its share again.
const REST: Duration = Duration::from_millis(40);

/// What one process took.
pub struct Timed {
    /// From its start to its asking for the first event.
    pub init: Duration,
    /// From the first event to its answer.
    pub first: Duration,
    /// The same for each of the events after it.
    pub warm: Vec<Duration>,
    /// The most memory that it had, in KiB.
    pub peak: u64,
    /// What it wrote to its log at the end, if that was JSON.
    pub log: Value,
}

struct Process {
    child: Child,
    api: RuntimeApi,
    /// When it was started.
    began: Instant,
    log: JoinHandle<Option<String>>,
}

impl Process {
    async fn start(
        mut command: Command,
        subject: &Subject,
        world: &World,
        way: Way,
    ) -> Result<Self, Error> {
        let api = RuntimeApi::start().await?;
        command
            .env_clear()
            .envs(world.variables(way))
            .envs(api.variables(&subject.name))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            let program = command.as_std().get_program().display();
            format!("{program}: {error} (--no-instructions does without valgrind)")
        })?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let log = tokio::spawn(last_line(stdout));
        Ok(Self {
            child,
            api,
            began,
            log,
        })
    }

    /// Waits until it asks for an event.
    async fn poll(&mut self, subject: &Subject) -> Result<Poll, Error> {
        tokio::select! {
            poll = timeout(PATIENCE, self.api.poll()) => poll?,
            status = self.child.wait() => Err(format!("{} ended: {}", subject.name, status?).into()),
        }
    }

    /// Gives it its next event; how long it took until the answer, which has to be the one expected.
    async fn answers(
        &mut self,
        poll: Poll,
        subject: &Subject,
        event: &Value,
    ) -> Result<Duration, Error> {
        let given = Instant::now();
        poll.hand_over(event);
        let answer = tokio::select! {
            answer = timeout(PATIENCE, self.api.answer()) => answer??,
            status = self.child.wait() => {
                return Err(format!("{} ended: {}", subject.name, status?).into());
            }
        };
        subject.check(&answer)?;
        Ok(answer.at - given)
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

/// Starts a process and gives it `count` events, one after the other; with a share of a core, if there is
/// one, from the first of them on, as on Lambda, and with a rest before each of the others.
pub async fn timed(
    subject: &Subject,
    world: &World,
    way: Way,
    count: usize,
    share: Option<&Share>,
) -> Result<Timed, Error> {
    let command = Command::new(&subject.binary);
    let mut process = Process::start(command, subject, world, way).await?;
    let poll = process.poll(subject).await?;
    let init = poll.at - process.began;
    if let Some(share) = share {
        share.bound(process.child.id().ok_or("it has ended")?)?;
    }
    let event = subject.event(world).await?;
    let first = process.answers(poll, subject, &event).await?;
    let mut warm = Vec::with_capacity(count);
    for _ in 1..count {
        let event = subject.event(world).await?;
        let poll = process.poll(subject).await?;
        if share.is_some() {
            tokio::time::sleep(REST).await;
        }
        warm.push(process.answers(poll, subject, &event).await?);
    }
    let peak = peak(process.child.id());
    process.child.kill().await?;
    let log = process.log.await?.unwrap_or_default();
    Ok(Timed {
        init,
        first,
        warm,
        peak,
        log: serde_json::from_str(&log).unwrap_or_default(),
    })
}

/// How many instructions a process takes until it has answered `count` events and asks for another;
/// what takes them goes to a file in `profiles`, for `callgrind_annotate`.
pub async fn counted(
    subject: &Subject,
    world: &World,
    way: Way,
    count: usize,
    profiles: Option<&Path>,
) -> Result<u64, Error> {
    let profile = match profiles {
        Some(folder) => folder.join(format!("{}.{count}", subject.name)),
        None => PathBuf::from("/dev/null"),
    };
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind");
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg(&subject.binary);
    let mut process = Process::start(command, subject, world, way).await?;
    for _ in 0..count {
        let event = subject.event(world).await?;
        let poll = process.poll(subject).await?;
        process.answers(poll, subject, &event).await?;
    }
    let _waiting = process.poll(subject).await?;
    tokio::time::sleep(SETTLING).await;
    let id = process.child.id().ok_or("it has ended")?.to_string();
    Command::new("kill").arg(id).status().await?;
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
fn peak(process: Option<u32>) -> u64 {
    let status = process.map(|id| std::fs::read_to_string(format!("/proc/{id}/status")));
    let status = status.and_then(Result::ok).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kibibytes.unwrap_or_default()
}
