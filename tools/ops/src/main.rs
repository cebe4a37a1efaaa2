//! `cargo ops`: the operator's command line over the store, local or deployed.

mod contact;
mod stack;
mod token;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use dev::Error;
use dev::stack::Stack;
use shared::Store;
use shared::error::chain;

/// Sets up the people of CityPay Messages, and the tokens they call with.
///
/// Works on a file of `cargo dev --data`, or with the environment's AWS credentials on a deployed stack.
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
    /// People: add, list, show
    #[command(subcommand)]
    Contact(contact::Command),
    /// Bearer tokens: issue, list, revoke
    #[command(subcommand)]
    Token(token::Command),
    /// Prints a completion script for a shell
    Completion {
        /// Which shell
        shell: Shell,
    },
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
        clap_complete::generate(shell, &mut Options::command(), "ops", &mut io::stdout());
        return Ok(());
    }
    let store = match (data, stack) {
        (Some(path), _) => Stack::start(Some(&path)).await?.store,
        (None, Some(name)) => stack::store(&name).await?,
        (None, None) => Store::from_env().await?,
    };
    match command {
        Command::Contact(command) => contact::run(command, &store).await,
        Command::Token(command) => token::run(command, &store).await,
        Command::Completion { .. } => Ok(()),
    }
}

/// A line of output; whoever has stopped reading misses it.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
