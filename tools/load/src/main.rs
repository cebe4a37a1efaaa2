//! `cargo load`: many contacts talk to a local stack of its own, and it is told how long they waited.
//!
//! The whole stack runs in this process, its data in a temporary file; requests go over loopback only.
//! It ends by itself, with 1 if anything was not answered with success, whole and as JSON.

mod clients;
mod measurements;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use dev::Error;
use dev::stack::{self, Stack};
use futures_util::future::join_all;
use shared::error::chain;

use clients::{Worker, create_clients};
use measurements::{Measurements, resident_memory_mib};

/// How often it says how things go.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// Lets many contacts talk to a local stack, and tells how long they waited.
#[derive(Parser)]
#[command(name = "cargo load")]
struct Options {
    /// For how many seconds, up to 900
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=900))]
    seconds: u64,
    /// How many contacts talk, in conversations of three, up to 1000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=1000))]
    contacts: u16,
    /// How many of them wait for an answer at the same time, up to 64
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    at_once: u8,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was answered as it should be.
async fn run(options: Options) -> Result<bool, Error> {
    let directory = tempfile::tempdir()?;
    let stack = Stack::start(Some(&directory.path().join("load.db"))).await?;
    let clients = create_clients(&stack.store, options.contacts.into()).await?;
    let listener = stack::listen("127.0.0.1", 0).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let api = stack.api(&stack.store)?;
    tokio::spawn(async move { axum::serve(listener, api).await });

    let started = Instant::now();
    let deadline = started + Duration::from_secs(options.seconds);
    let measurements = Measurements::default();
    let workers = (0..options.at_once).map(|_| Worker::new(&url, &clients, &measurements));
    let load = join_all(workers.map(|worker| worker.run(deadline)));
    let progress = async {
        println!("seconds  requests  memory");
        loop {
            let seconds = started.elapsed().as_secs();
            println!(
                "{seconds:7}  {:8}  {:3} MiB",
                measurements.request_count(),
                resident_memory_mib()
            );
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
    };
    tokio::select! {
        _ = load => {}
        () = progress => {}
    }
    println!(
        "{:7}  {:8}  {:3} MiB",
        started.elapsed().as_secs(),
        measurements.request_count(),
        resident_memory_mib()
    );
    Ok(measurements.print_summary(started.elapsed()))
}
