//! `cargo load`: load test of a local stack.
//!
//! Starts a stack in this process with its data in a temporary file, and sends requests over loopback.

mod clients;
mod measurements;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::future::join_all;
use local_stack::Error;
use local_stack::stack::{self, Stack};
use shared::error::chain;
use shared::store::Limits;

use clients::{Worker, create_clients};
use measurements::{Measurements, resident_memory_mib};

const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

/// Send requests from many contacts to a local stack, and print request rate and latency percentiles
///
/// Starts a stack of its own, with its data in a temporary file, and stops after --seconds.
/// Exit status: 0 all responses were JSON with a 2xx status, 1 at least one was not, 2 usage error.
#[derive(Parser)]
#[command(name = "cargo load", bin_name = "cargo load", version)]
struct Options {
    /// Duration in seconds, up to 900
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=900))]
    seconds: u64,
    /// Number of contacts, in conversations of three, up to 1000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(2..=1000))]
    contacts: u16,
    /// Number of concurrent requests, up to 64
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
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

/// Returns whether all requests succeeded.
async fn run(options: Options) -> Result<bool, Error> {
    let directory = tempfile::tempdir()?;
    let stack = Stack::start(Some(&directory.path().join("load.db"))).await?;
    let clients = create_clients(&stack.store, options.contacts.into()).await?;
    let listener = stack::listen("127.0.0.1", 0).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let api = stack.api(&stack.store.clone().with_limits(Limits::default()))?;
    tokio::spawn(async move { axum::serve(listener, api).await });

    let started = Instant::now();
    let deadline = started + Duration::from_secs(options.seconds);
    let measurements = Measurements::default();
    let workers = (0..options.concurrency).map(|_| Worker::new(&url, &clients, &measurements));
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
    measurements.print_summary(started.elapsed());
    Ok(measurements.failed_count() == 0)
}
