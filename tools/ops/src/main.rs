//! `cargo ops`: command-line tool for operators, for a local or a deployed stack.

mod confirm;
mod contact;
mod conversation;
mod doctor;
mod format;
mod key;
mod smoke;
mod stack;
mod target;
mod token;
mod username;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use local_stack::Error;
use shared::error::chain;
use shared::time::Seconds;

use crate::target::Target;

/// Manage contacts, tokens, server keys and conversations of CityPay Messages
///
/// Works on a data file of `cargo dev --data`, or on a deployed stack with the AWS credentials of the
/// environment.
///
/// Destructive commands ask for confirmation unless --yes is given.
///
/// Exit status: 0 success, 1 failure, 2 usage error.
#[derive(Parser)]
#[command(name = "cargo ops", bin_name = "cargo ops", version)]
struct Options {
    /// Data file of a local stack
    #[arg(long, value_name = "FILE", global = true)]
    data: Option<PathBuf>,
    /// Name of a deployed stack [default: the tables named by `MESSAGES_TABLE` and the other table-name variables]
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "data")]
    stack: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Manage contacts: add, list, show, erase
    #[command(subcommand)]
    Contact(contact::Command),
    /// Manage bearer tokens: issue, list, revoke
    #[command(subcommand)]
    Token(token::Command),
    /// Manage server keys, which your own server authenticates with: issue, list, revoke
    #[command(subcommand)]
    Key(key::Command),
    /// Manage usernames that nobody has: show, free
    #[command(subcommand)]
    Username(username::Command),
    /// Read conversations: list, show, export
    #[command(subcommand)]
    Conversation(conversation::Command),
    /// Check that the items of all tables are consistent; --repair fixes them (reads all tables)
    Doctor(doctor::Doctor),
    /// Print what --data, --stack or the environment stand for: account, region, URL and tables, as NAME=VALUE
    Env,
    /// Test the API at a URL as a client, and delete again what that creates
    Smoke(smoke::Smoke),
    /// Print a shell completion script
    ///
    /// The script completes a command named `ops`: the binary that `cargo build --package ops` writes to the
    /// target directory, or a shell alias for `cargo ops`.
    Completion {
        /// Shell to generate the script for
        shell: Shell,
    },
}

impl Command {
    fn may_create_data_file(&self) -> bool {
        matches!(self, Self::Contact(contact::Command::Add(_)))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(
    Options {
        data,
        stack,
        command,
    }: Options,
) -> Result<(), Error> {
    if let Command::Completion { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Options::command(), "ops", &mut script);
        print_line(String::from_utf8_lossy(&script).trim_end());
        return Ok(());
    }
    if let Command::Smoke(smoke) = command {
        return smoke.run().await;
    }
    let target = match (data, stack) {
        (Some(path), _) if !path.exists() && !command.may_create_data_file() => {
            return Err(format!("{}: no such file", path.display()).into());
        }
        (Some(path), _) => Target::data_file(&path).await?,
        (None, Some(name)) => stack::deployed(&name).await?,
        (None, None) => stack::from_env().await.unwrap_or_else(|error| {
            let problem =
                format!("specify --data or --stack, or set the table-name variables: {error}");
            let kind = ErrorKind::MissingRequiredArgument;
            Options::command().error(kind, problem).exit()
        }),
    };
    match command {
        Command::Contact(command) => contact::run(command, &target).await,
        Command::Conversation(command) => conversation::run(command, &target.admin).await,
        Command::Token(command) => token::run(command, &target).await,
        Command::Key(command) => key::run(command, &target).await,
        Command::Username(command) => username::run(command, &target).await,
        Command::Doctor(doctor) => doctor.run(&target).await,
        Command::Env => {
            for (name, value) in &target.settings {
                print_line(&format!("{name}={value}"));
            }
            Ok(())
        }
        Command::Smoke(_) | Command::Completion { .. } => Ok(()),
    }
}

/// A time as RFC 3339 has it, in UTC.
fn timestamp(seconds: Seconds) -> String {
    let seconds = i64::try_from(seconds.0).unwrap_or(i64::MAX);
    let formatted = DateTime::from_secs(seconds).fmt(Format::DateTime);
    formatted.unwrap_or_else(|_| seconds.to_string())
}

fn or_never(time: Option<Seconds>) -> String {
    time.map_or_else(|| "never".to_owned(), timestamp)
}

/// Ignores write errors, unlike `println!`: a reader such as `head` may close the pipe early.
fn print_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
