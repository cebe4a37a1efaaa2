//! `cargo dev`: runs the whole API on this machine, with demo data.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use futures_util::FutureExt;
use local_stack::Error;
use local_stack::demo::{self, CONTACTS};
use local_stack::stack::{self, Stack};
use shared::error::chain;

/// Run CityPay Messages on this machine, with demo data
///
/// Serves the whole API over an embedded DynamoDB engine, without an AWS account.
///
/// Exit status: 0 success, 1 failure, 2 usage error.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Options {
    /// Port to listen on; 0 selects a free port [default: 3000, or 8000 with --engine-only]
    #[arg(long)]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// File to store the data in; a new file starts with the demo data [default: in memory]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Run only the DynamoDB engine, with tables and demo data, for functions that run elsewhere
    #[arg(long)]
    engine_only: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Accepts `cargo dev -- --port 1` as well as `cargo dev --port 1`.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    arguments.retain(|argument| argument != "--");
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            eprintln!("{}", one_line(&error.to_string()));
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&chain(&*error)),
    }
}

/// Returns clap's error message with its tip, if any, and without the usage.
fn one_line(usage_error: &str) -> String {
    let mut lines = usage_error.lines().map(str::trim);
    let message = lines.next().unwrap_or_default();
    match lines.find(|line| line.starts_with("tip: ")) {
        Some(tip) => format!("{message} ({tip})"),
        None => message.to_owned(),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

async fn run(options: Options) -> Result<(), Error> {
    let interrupted = tokio::signal::ctrl_c().map(drop).boxed().shared();
    // Polled once to install the signal handler: Ctrl-C works as soon as the greeting is printed.
    let _ = interrupted.clone().now_or_never();
    let default = if options.engine_only { 8000 } else { 3000 };
    let listener = stack::listen(&options.host, options.port.unwrap_or(default)).await?;
    let address = listener.local_addr()?;
    let is_new = options.data.as_ref().is_none_or(|path| !path.exists());
    let stack = Stack::start(options.data.as_deref()).await?;
    if is_new {
        demo::load(&stack.store).await?;
    }
    if options.engine_only {
        print(&engine_greeting(address, &stack));
        let served = stack.engine.serve(listener, interrupted.clone());
        run_until_interrupted(served, interrupted).await
    } else {
        let api = stack.api(&stack.store)?;
        shared::log::init();
        print(&greeting(address, is_new)?);
        let served = axum::serve(listener, api).with_graceful_shutdown(interrupted.clone());
        run_until_interrupted(async { Ok(served.await?) }, interrupted).await
    }
}

/// Ignores write errors, unlike `print!`: the reader may close the pipe early.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Waits until `served` completes, but at most two seconds after the interrupt: clients may keep connections open.
async fn run_until_interrupted(
    served: impl Future<Output = Result<(), Error>>,
    interrupted: impl Future<Output = ()>,
) -> Result<(), Error> {
    let grace_period = async {
        interrupted.await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        outcome = served => outcome,
        () = grace_period => Ok(()),
    }
}

/// Returns the URL of the engine and the environment variables for functions that run elsewhere.
fn engine_greeting(address: SocketAddr, stack: &Stack) -> String {
    let variables: Vec<_> = stack
        .variables()
        .map(|(name, value)| format!("  {name}={value}"))
        .collect();
    format!(
        "The DynamoDB engine is running at http://{address} (press Ctrl-C to stop)

Environment variables for the functions:
  DYNAMODB_ENDPOINT=http://{address}
{}
  AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
",
        variables.join("\n")
    )
}

/// Returns the URL of the API and, with demo data, tokens and commands to try.
fn greeting(address: SocketAddr, has_demo_data: bool) -> Result<String, Error> {
    let api = format!("http://{address}");
    if !has_demo_data {
        return Ok(format!(
            "CityPay Messages is running at {api} (press Ctrl-C to stop)\n\n\
             It uses the existing data file. Add contacts and issue tokens with `cargo ops --data FILE`.\n\n"
        ));
    }
    let conversation = demo::CONVERSATION_ID;
    let [message, reply] = demo::message_ids()?;
    let tokens = CONTACTS
        .iter()
        .map(|contact| format!("  {:20} {}", contact.token, contact.username));
    let tokens: Vec<_> = tokens.collect();
    Ok(format!(
        r#"CityPay Messages is running at {api} (press Ctrl-C to stop)

Tokens of the demo data:
{}

Try from another terminal:
  curl -G {api}/v1/messages -H "Authorization: Bearer citypay_demo_kevin" -d conversation_id={conversation} -d limit=10
  curl {api}/v1/messages -H "Authorization: Bearer citypay_demo_kevin" -d conversation_id={conversation} -d message="Hello"
  curl {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kevin"
  curl -X PUT {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kate" -d "reactions[heart][]=KateMcCallister"
  curl -X DELETE {api}/v1/messages/{reply} -H "Authorization: Bearer citypay_demo_linnie"

"#,
        tokens.join("\n")
    ))
}
