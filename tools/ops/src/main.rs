//! `cargo ops`: the operator's command line over the store, local or deployed.

mod confirm;
mod contact;
mod conversation;
mod doctor;
mod stack;
mod token;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use dev::Error;
use dev::stack::Stack;
use shared::error::chain;

/// Looks after CityPay Messages: its people, their tokens, and what is stored of their conversations.
///
/// Works on a file of `cargo dev --data`, or with the environment's AWS credentials on a deployed stack.
/// What destroys something asks first, or takes `--yes`. Exits with 0 if all went well, with 1 if something
/// went or is wrong, and with 2 if the command line makes no sense.
#[derive(Parser)]
#[command(name = "cargo ops")]
struct Options {
    /// The data file of a local stack
    #[arg(long, value_name = "FILE", global = true)]
    data: Option<PathBuf>,
    /// The name of a deployed stack [default: the tables that MESSAGES_TABLE and the other variables name]
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "data")]
    stack: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// People: add, list, show, erase
    #[command(subcommand)]
    Contact(contact::Command),
    /// Bearer tokens: issue, list, revoke
    #[command(subcommand)]
    Token(token::Command),
    /// Conversations: list, show, export
    #[command(subcommand)]
    Conversation(conversation::Command),
    /// Looks for what does not fit together in the tables, and mends it (reads all of them)
    Doctor(doctor::Doctor),
    /// Prints a completion script for a shell
    ///
    /// It completes a command called `ops`: the binary that `cargo build --package ops` leaves in the
    /// target folder, or an alias of `cargo ops` with this name.
    Completion {
        /// Which shell
        shell: Shell,
    },
}

impl Command {
    /// Whether it makes sense in a store where there is nothing yet.
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
    let store = match (data, stack) {
        (Some(path), _) if !path.exists() && !command.may_create_data_file() => {
            return Err(format!("{}: no such file", path.display()).into());
        }
        (Some(path), _) => Stack::start(Some(&path)).await?.store,
        (None, Some(name)) => stack::store(&name).await?,
        (None, None) => stack::store_from_env().await.map_err(|error| {
            format!("say --data FILE or --stack NAME, or set what names the tables: {error}")
        })?,
    };
    match command {
        Command::Contact(command) => contact::run(command, &store).await,
        Command::Conversation(command) => conversation::run(command, &store).await,
        Command::Token(command) => token::run(command, &store).await,
        Command::Doctor(doctor) => doctor.run(&store).await,
        Command::Completion { .. } => Ok(()),
    }
}

/// A line of output; whoever has stopped reading misses it.
fn print_line(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
