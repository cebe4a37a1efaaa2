//! `cargo dev`: runs the whole API on this machine, with demo data.

mod chat_page;
mod docs_page;
mod front_page;
mod openapi;
mod pages;
mod recent_requests;
mod request_log;
mod requests_page;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use futures_util::FutureExt;
use local_stack::Error;
use local_stack::demo::{self, CONTACTS};
use local_stack::stack::{self, Listeners, Stack};
use recent_requests::RecentRequests;
use request_log::LogFormat;
use shared::error::chain;

/// Run CityPay Messages on this machine, with demo data
///
/// Serves the whole API over an embedded DynamoDB engine, without an AWS account. The limits of the functions can
/// be set in the environment: `BUDGET_UNITS=500 cargo dev`.
///
/// Exit status: 0 success, 1 failure, 2 usage error.
#[derive(Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Options {
    /// Port to listen on; 0 selects a free port [default: 3000, or 8000 with --engine-only]
    #[arg(long)]
    port: Option<u16>,
    /// Port that files are sent to and downloaded from; 0 selects a free port [default: the one after --port]
    #[arg(long)]
    files_port: Option<u16>,
    /// Port of the WebSocket API; 0 selects a free port [default: the one after --files-port]
    #[arg(long)]
    sockets_port: Option<u16>,
    /// Address to listen on; with 0.0.0.0, URLs of files name this machine only
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// File to store the data in, and FILE.files the files of attachments; a new file starts with the demo data
    /// [default: in memory]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Format of the log on standard error [default: text on a terminal, otherwise json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    log: Option<LogFormat>,
    /// Origin of pages on other machines whose browsers may call the API; can be repeated
    #[arg(long, value_name = "ORIGIN")]
    cors_origin: Vec<String>,
    /// Write the API reference into FOLDER, as files for any web server, and exit
    #[arg(long, value_name = "FOLDER", requires = "server")]
    export: Option<PathBuf>,
    /// URL of the API that the exported reference calls
    #[arg(long, value_name = "URL", requires = "export")]
    server: Option<String>,
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
    // A list of missing options follows on lines of its own.
    let message: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let message = message.join(" ");
    match lines.find(|line| line.starts_with("tip: ")) {
        Some(tip) => format!("{message} ({tip})"),
        None => message,
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

async fn run(options: Options) -> Result<(), Error> {
    if let (Some(folder), Some(server)) = (&options.export, &options.server) {
        return docs_page::export(folder, server);
    }
    let interrupted = tokio::signal::ctrl_c().map(drop).boxed().shared();
    // Polled once to install the signal handler: Ctrl-C works as soon as the greeting is printed.
    let _ = interrupted.clone().now_or_never();
    let default = if options.engine_only { 8000 } else { 3000 };
    let listener = stack::listen(&options.host, options.port.unwrap_or(default)).await;
    let listener = listener.map_err(|error| format!("{error}; --port selects another port"))?;
    let address = listener.local_addr()?;
    let port = options.port.unwrap_or(default);
    let files_port = options.files_port.unwrap_or_else(|| next_port(port));
    let files = stack::listen(&options.host, files_port).await;
    let files = files.map_err(|error| format!("{error}; --files-port selects another port"))?;
    // The functions of an engine run elsewhere, and so does what opens sockets.
    let default_port = if options.engine_only {
        0
    } else {
        next_port(files_port)
    };
    let sockets_port = options.sockets_port.unwrap_or(default_port);
    let sockets = stack::listen(&options.host, sockets_port).await;
    let sockets =
        sockets.map_err(|error| format!("{error}; --sockets-port selects another port"))?;
    let listeners = Listeners { files, sockets };
    let is_new = options.data.as_ref().is_none_or(|path| !path.exists());
    let origins = options.cors_origin.clone();
    let stack = Stack::start_at(listeners, options.data.as_deref(), origins).await?;
    if is_new {
        demo::load(&stack.store, &stack.bucket).await?;
    }
    let gateway = Arc::new(stack.gateway(&stack.store)?);
    let changes = stack.keep_handling_changes(&gateway);
    if options.engine_only {
        print(&engine_greeting(address, &stack));
        let served = stack.engine.serve(listener, interrupted.clone());
        run_until_interrupted(served, changes, interrupted).await
    } else {
        let has_demo_data = demo::is_loaded(&stack.store).await?;
        let greeting = greeting(address, &stack.sockets.url(), has_demo_data)?;
        let recent = RecentRequests::default();
        stack.sockets.route_to(gateway.clone());
        let api = stack::router(gateway.clone()).layer(stack.cors(options.cors_origin)?);
        let api = front_page::router(greeting.clone())
            .merge(chat_page::router(
                has_demo_data,
                &stack.bucket.url(),
                stack.sockets.url(),
            ))
            .merge(docs_page::router(has_demo_data)?)
            .merge(requests_page::router(recent.clone()))
            .merge(api);
        let format = options.log.unwrap_or_else(LogFormat::default_for_stderr);
        request_log::init(format, recent);
        print(&greeting);
        let served = axum::serve(listener, api).with_graceful_shutdown(interrupted.clone());
        run_until_interrupted(async { Ok(served.await?) }, changes, interrupted).await
    }
}

/// Any free port after any free port.
fn next_port(port: u16) -> u16 {
    match port {
        0 => 0,
        port => port.wrapping_add(1),
    }
}

/// Ignores write errors, unlike `print!`: the reader may close the pipe early.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Waits until `served` completes, but at most two seconds after the interrupt: clients may keep connections open.
async fn run_until_interrupted(
    served: impl Future<Output = Result<(), Error>>,
    changes: impl Future<Output = ()>,
    interrupted: impl Future<Output = ()>,
) -> Result<(), Error> {
    let grace_period = async {
        interrupted.await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        outcome = served => outcome,
        () = changes => Ok(()),
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
  FILES_URL={}
{}
  AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local
",
        stack.bucket.url(),
        variables.join("\n")
    )
}

/// Returns the URL of the API and, with demo data, tokens and commands to try.
fn greeting(address: SocketAddr, sockets: &str, has_demo_data: bool) -> Result<String, Error> {
    let api = format!("http://{address}");
    if !has_demo_data {
        return Ok(format!(
            "CityPay Messages is running at {api} (press Ctrl-C to stop)\n\n\
             It uses the existing data file. Add contacts and issue tokens with `cargo ops --data FILE`.\n\
             API reference: {api}/docs\n\
             Sockets: {sockets}\n\n"
        ));
    }
    let conversation = demo::CONVERSATION_ID;
    let [message, reply] = demo::message_ids()?;
    let tokens = CONTACTS
        .iter()
        .map(|contact| format!("  {:20} {}", contact.token, contact.username));
    let tokens: Vec<_> = tokens.collect();
    let key = demo::SERVER_KEY;
    Ok(format!(
        r#"CityPay Messages is running at {api} (press Ctrl-C to stop)

Tokens of the demo data:
{}
  {key:20} server key

Chat as two of them in a browser: {api}/chat
Read the API reference, and try each call: {api}/docs
What the last requests would cost on AWS: {api}/requests
Get told at once of new events, with a WebSocket: {sockets}

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
