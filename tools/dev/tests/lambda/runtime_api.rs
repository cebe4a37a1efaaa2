//! A stand-in for Lambda's runtime API, and functions that it runs.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

/// A running function.
pub struct Function {
    process: Child,
    events: mpsc::Sender<String>,
    answers: mpsc::Receiver<String>,
}

struct RuntimeApi {
    events: Mutex<mpsc::Receiver<String>>,
    answers: mpsc::Sender<String>,
}

impl Function {
    /// Starts a binary with these environment variables and no others.
    pub async fn start(binary: &str, variables: Vec<(&str, &str)>) -> Self {
        let (events, next) = mpsc::channel(1);
        let (done, answers) = mpsc::channel(1);
        let api = Arc::new(RuntimeApi {
            events: Mutex::new(next),
            answers: done,
        });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(hands_over))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(takes))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(takes))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let process = Command::new(built(binary))
            .env_clear()
            .envs(variables)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", binary)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "log-group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "log-stream")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            process,
            events,
            answers,
        }
    }

    /// What the function answers to an event.
    pub async fn answers(&mut self, event: &Value) -> Value {
        self.events.send(event.to_string()).await.unwrap();
        tokio::select! {
            answer = self.answers.recv() => serde_json::from_str(&answer.unwrap()).unwrap(),
            status = self.process.wait() => panic!("the function ended: {status:?}"),
        }
    }

    /// Ends the function; the lines that it wrote to its log.
    pub async fn ends(mut self) -> Vec<Value> {
        self.process.start_kill().unwrap();
        let log = self.process.wait_with_output().await.unwrap().stdout;
        let log = String::from_utf8(log).unwrap();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Kills the function (SIGKILL).
    pub async fn dies(mut self) {
        self.process.kill().await.unwrap();
    }

    /// What a function says that ends before its first event.
    pub async fn fails(binary: &str, variables: Vec<(&str, &str)>) -> String {
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

async fn hands_over(State(api): State<Arc<RuntimeApi>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        (
            "lambda-runtime-aws-request-id",
            uuid::Uuid::new_v4().to_string(),
        ),
        ("lambda-runtime-deadline-ms", "9999999999999".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:f".to_owned(),
        ),
    ];
    (headers, event).into_response()
}

async fn takes(State(api): State<Arc<RuntimeApi>>, answer: String) -> StatusCode {
    api.answers.send(answer).await.unwrap();
    StatusCode::ACCEPTED
}

/// The path of a binary, which is built as a deployment would build it.
fn built(binary: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let release = if profile.ends_with("release") {
            &["--release"][..]
        } else {
            &[]
        };
        let status = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins"])
            .args(release)
            .status();
        assert!(status.unwrap().success(), "the functions can be built");
        profile.to_owned()
    });
    folder.join(binary)
}
