//! `cargo run --release --package bench`: benchmark of the Lambda functions.
//!
//! Runs each binary behind a local Lambda runtime API, against the local DynamoDB engine, over loopback.

mod baselines;
mod binary;
mod cpu_quota;
mod event;
mod fixture;
mod measurements;
mod process;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use local_stack::{Error, functions};
use serde_json::json;
use shared::error::chain;
use tokio::process::Command;

use binary::Binary;
use cpu_quota::CpuQuota;
use fixture::{Fixture, Transport};
use measurements::{Instructions, Measurements};
use process::{count_instructions, measure_run};

/// Number of warm requests over which instructions are averaged.
const COUNTED_REQUESTS: usize = 20;

/// Number of requests per start with a CPU quota, which are slow because of the pause before each.
const CPU_QUOTA_REQUESTS: usize = 50;

/// Measure cold starts and warm requests of the Lambda functions
///
/// Builds the functions, runs each against the local DynamoDB engine, and prints Markdown tables of
/// instructions, latency, memory, binary size, DynamoDB calls and cost. For accurate times, run nothing else
/// on the machine.
///
/// Exit status: 0 success, 1 failure, 2 usage error.
#[derive(Parser)]
#[command(name = "cargo measure", bin_name = "cargo measure", version)]
struct Options {
    /// Functions to measure [default: all]
    #[arg(value_parser = PossibleValuesParser::new(functions::all().into_keys()))]
    functions: Vec<String>,
    /// Directory of functions that `cargo lambda build` has built, `target/lambda`, to measure the deployed
    /// binaries [default: build the functions with cargo]
    #[arg(long, value_name = "DIRECTORY")]
    built: Option<PathBuf>,
    /// Number of times that each binary is started
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// Number of requests per start
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    requests: u16,
    /// Directory of another Lambda binary to compare with: `bootstrap`, and its request in `event.json`
    #[arg(long, value_name = "DIRECTORY")]
    compare: Vec<PathBuf>,
    /// Also measure the baselines: no SDK, the SDK with its defaults, the SDK as the functions configure it
    #[arg(long)]
    baselines: bool,
    /// Also measure with the CPU quota that Lambda gives to these memory sizes (requires root)
    #[arg(long, value_name = "MB", value_delimiter = ',')]
    memory: Vec<u32>,
    /// Delay of each response of the engine over TLS in milliseconds, to simulate the latency of DynamoDB
    #[arg(long, default_value_t = 0, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=100))]
    latency: u64,
    /// Also measure without TLS
    #[arg(long)]
    plain: bool,
    /// Do not count instructions (counting requires valgrind)
    #[arg(long)]
    no_instructions: bool,
    /// Directory for callgrind profiles (set `CARGO_PROFILE_RELEASE_STRIP=none` for function names)
    #[arg(long, value_name = "DIRECTORY")]
    profiles: Option<PathBuf>,
    /// File for the measurements as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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

async fn run(options: Options) -> Result<(), Error> {
    let names: Vec<_> = if options.functions.is_empty() {
        functions::all().into_keys().map(str::to_owned).collect()
    } else {
        options.functions.clone()
    };
    let fixture = Fixture::new(Duration::from_millis(options.latency)).await?;
    let mut binaries = Vec::new();
    if options.baselines {
        binaries = baselines::build_all(&target_directory()?, &fixture).await?;
    }
    for directory in &options.compare {
        binaries.push(Binary::in_directory(directory)?);
    }
    let baseline_count = binaries.len();
    if options.built.is_none() {
        build_functions(&names).await?;
    }
    for name in &names {
        let path = match &options.built {
            Some(directory) => directory.join(name).join("bootstrap"),
            None => target_directory()?.join("release").join(name),
        };
        binaries.push(Binary::function(name, path));
    }

    let mut transports = vec![(Transport::Tls, "Over TLS")];
    if options.plain {
        transports.push((Transport::Plain, "Without TLS"));
    }
    let mut results = json!({});
    for (transport, title) in transports {
        let measurements = measure(&binaries, &fixture, transport, &options).await?;
        println!("\n{title}:\n\n{}", report::table(&measurements));
        for baseline in &measurements[..baseline_count] {
            println!("{}", report::ratios(baseline, &measurements));
        }
        results[title] = measurements.iter().map(Measurements::to_json).collect();
    }
    if !options.memory.is_empty() {
        let quotas =
            measure_with_cpu_quotas(&binaries[baseline_count..], &fixture, &options).await?;
        println!("\nWith the CPU quota of each memory size:\n\n{quotas}");
    }
    if let Some(file) = options.json {
        std::fs::write(file, serde_json::to_string_pretty(&results)?)?;
    }
    Ok(())
}

/// Selects packages, because a build of the whole workspace would unify the features of their dependencies.
async fn build_functions(names: &[String]) -> Result<(), Error> {
    let packages = names.iter().map(|name| format!("--package={name}"));
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked"])
        .args(packages)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    if status.await?.success() {
        Ok(())
    } else {
        Err("cargo cannot build the functions".into())
    }
}

/// Returns cargo's target directory, derived from the path of this executable: `<target>/<profile>/bench`.
fn target_directory() -> Result<PathBuf, Error> {
    let executable = std::env::current_exe()?;
    let target = executable
        .ancestors()
        .nth(2)
        .ok_or("the executable is not in a target directory")?;
    Ok(target.to_owned())
}

/// Returns a Markdown table with a column per memory size.
async fn measure_with_cpu_quotas(
    binaries: &[Binary],
    fixture: &Fixture,
    options: &Options,
) -> Result<String, Error> {
    let mut rows: Vec<_> = binaries.iter().map(|_| Vec::new()).collect();
    for &megabytes in &options.memory {
        let cpu_quota = CpuQuota::for_memory(megabytes)?;
        for (binary, row) in binaries.iter().zip(&mut rows) {
            let mut runs = Vec::new();
            for _ in 0..options.rounds {
                runs.push(
                    measure_run(
                        binary,
                        fixture,
                        Transport::Tls,
                        CPU_QUOTA_REQUESTS,
                        Some(&cpu_quota),
                    )
                    .await?,
                );
            }
            row.push(Measurements {
                name: binary.name.clone(),
                runs,
                instructions: None,
                binary_bytes: 0,
                zip_bytes: 0,
            });
        }
    }
    let rows = rows.iter().map(|row| report::cpu_quota_table_row(row));
    Ok(report::cpu_quota_table_header(&options.memory) + &rows.collect::<String>())
}

/// Alternates between the binaries in each round, so that slow phases of the machine affect all of them.
async fn measure(
    binaries: &[Binary],
    fixture: &Fixture,
    transport: Transport,
    options: &Options,
) -> Result<Vec<Measurements>, Error> {
    let mut results = Vec::new();
    for binary in binaries {
        let (binary_bytes, zip_bytes) = binary.binary_and_zip_bytes()?;
        let instructions = if options.no_instructions {
            None
        } else {
            let profiles = options.profiles.as_deref();
            let init = count_instructions(binary, fixture, transport, 0, profiles).await?;
            let first = count_instructions(binary, fixture, transport, 1, profiles).await?;
            let warm =
                count_instructions(binary, fixture, transport, 1 + COUNTED_REQUESTS, profiles)
                    .await?;
            Some(Instructions {
                init,
                first_request: first - init,
                warm_request: (warm - first) / COUNTED_REQUESTS as u64,
            })
        };
        eprintln!("{}: {instructions:?}", binary.name);
        results.push(Measurements {
            name: binary.name.clone(),
            runs: Vec::new(),
            instructions,
            binary_bytes,
            zip_bytes,
        });
    }
    for _ in 0..options.rounds {
        for (binary, measurements) in binaries.iter().zip(&mut results) {
            let run =
                measure_run(binary, fixture, transport, options.requests.into(), None).await?;
            measurements.runs.push(run);
        }
    }
    Ok(results)
}
