//! `cargo dev`: the whole API on this machine, with demo data.

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

/// Runs CityPay Messages on this machine, with demo data.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Options {
    /// The port to answer on, 0 for any free one [default: 3000; 8000 for the engine]
    #[arg(long)]
    port: Option<u16>,
    /// The address to answer on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The file to keep all data in; a new one begins with demo data [default: in memory, gone at the end]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Only the DynamoDB engine with tables and demo data, for functions that run elsewhere
    #[arg(long)]
    engine_only: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo dev -- --port 1` is as good as `cargo dev --port 1`.
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

/// What is wrong with the command line, and clap's tip if it has one, without the usage that follows.
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
    // From now on it is listened to: whoever reads the greeting may press it at once.
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

/// Whoever does not listen misses it.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Lets what is under way end, and waits for no client that does not.
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

/// What functions that run elsewhere need in their environment.
fn engine_greeting(address: SocketAddr, stack: &Stack) -> String {
    let variables: Vec<_> = stack
        .variables()
        .map(|(name, value)| format!("  {name}={value}"))
        .collect();
    format!(
        "The DynamoDB engine answers on http://{address} (Ctrl-C ends it)

Functions reach it with this environment:
  DYNAMODB_ENDPOINT=http://{address}
{}
  AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
",
        variables.join("\n")
    )
}

/// Where the API is, and with demo data who one can be and what to type.
fn greeting(address: SocketAddr, has_demo_data: bool) -> Result<String, Error> {
    let api = format!("http://{address}");
    if !has_demo_data {
        return Ok(format!(
            "CityPay Messages answers on {api} (Ctrl-C ends it)\n\n\
             With the data that was there; `cargo ops --data FILE` adds people and issues tokens.\n\n"
        ));
    }
    let conversation = demo::CONVERSATION_ID;
    let [message, reply] = demo::message_ids()?;
    let tokens = CONTACTS
        .iter()
        .map(|contact| format!("  {:20} {}", contact.token, contact.username));
    let tokens: Vec<_> = tokens.collect();
    Ok(format!(
        r#"CityPay Messages answers on {api} (Ctrl-C ends it)

Tokens of the demo data:
{}

Try, from another terminal:
  curl -G {api}/v1/messages -H "Authorization: Bearer citypay_demo_kevin" -d conversation_id={conversation} -d limit=10
  curl {api}/v1/messages -H "Authorization: Bearer citypay_demo_kevin" -d conversation_id={conversation} -d message="Hello"
  curl {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kevin"
  curl -X PUT {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kate" -d "reactions[heart][]=KateMcCallister"
  curl -X DELETE {api}/v1/messages/{reply} -H "Authorization: Bearer citypay_demo_linnie"

"#,
        tokens.join("\n")
    ))
}
