//! Runs functions as Lambda does.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use local_stack::lambda::RuntimeApi;
use serde_json::Value;
use tokio::process::{Child, Command};

/// A running function.
pub struct Function {
    process: Child,
    api: RuntimeApi,
}

impl Function {
    /// Starts a binary with these environment variables and those that Lambda sets.
    pub async fn start(binary: &str, variables: Vec<(&str, &str)>) -> Self {
        let api = RuntimeApi::start().await.unwrap();
        let process = command(binary)
            .env_clear()
            .envs(variables)
            .envs(api.variables(binary))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { process, api }
    }

    /// Sends an event to the function; returns its response.
    pub async fn invoke(&mut self, event: &Value) -> Value {
        let response = async {
            self.api.next_poll().await?.send_event(event);
            self.api.next_response().await
        };
        tokio::select! {
            response = response => serde_json::from_str(&response.unwrap().body).unwrap(),
            status = self.process.wait() => panic!("the function exited: {status:?}"),
        }
    }

    /// Stops the function; returns the lines of its log.
    pub async fn stop(mut self) -> Vec<Value> {
        self.process.start_kill().unwrap();
        let log = self.process.wait_with_output().await.unwrap().stdout;
        let log = String::from_utf8(log).unwrap();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Kills the function (SIGKILL).
    pub async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts a function that must exit with an error before its first event; returns its output.
    pub async fn start_error(binary: &str, variables: Vec<(&str, &str)>) -> String {
        let function = Self::start(binary, variables).await;
        let Output {
            status,
            stdout,
            stderr,
        } = function.process.wait_with_output().await.unwrap();
        assert!(!status.success());
        String::from_utf8([stdout, stderr].concat()).unwrap()
    }
}

/// Returns the command that runs a binary: the binary itself, or the emulator that `EMULATOR` names.
fn command(binary: &str) -> Command {
    let path = binary_path(binary);
    let emulator = std::env::var("EMULATOR").unwrap_or_default();
    let mut words = emulator.split_whitespace();
    match words.next() {
        None => Command::new(path),
        Some(program) => {
            let mut command = Command::new(program);
            command.args(words).arg(path);
            command
        }
    }
}

/// Returns the path of a binary: in the folder that `FUNCTIONS_FOLDER` names, or in that of the test, where the first
/// call builds all.
fn binary_path(binary: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(folder) = std::env::var_os("FUNCTIONS_FOLDER") {
        return PathBuf::from(folder).join(binary);
    }
    let folder = BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let release = if profile.ends_with("release") {
            &["--release"][..]
        } else {
            &[]
        };
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--all-targets"]);
        // Cargo sets these for the test. Build scripts that depend on them would run again, and with them
        // almost everything would be compiled again.
        for (name, _) in std::env::vars_os() {
            let variable = name.to_string_lossy();
            if variable.starts_with("CARGO_MANIFEST_") || variable.starts_with("CARGO_PKG_") {
                build.env_remove(name);
            }
        }
        let status = build.args(release).status();
        assert!(status.unwrap().success(), "cargo build succeeds");
        profile.to_owned()
    });
    folder.join(binary)
}
