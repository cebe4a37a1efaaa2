//! `cargo run --release --package bench`: what each function costs, cold and warm, in instructions, time,
//! memory, bytes and dollars.
//!
//! It builds the functions, or takes those that cargo-lambda has built, runs each as Lambda would, against
//! the local engine, over loopback only, and prints Markdown. Nothing else should be running meanwhile.

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
use dev::{Error, functions};
use serde_json::json;
use shared::error::chain;
use tokio::process::Command;

use binary::Binary;
use cpu_quota::CpuQuota;
use fixture::{Fixture, Transport};
use measurements::Measurements;
use process::{count_instructions, measure_run};

/// How many requests a warm one's instructions are counted in.
const COUNTED_REQUESTS: usize = 20;

/// How many requests are answered with a share of a core.
const CPU_QUOTA_REQUESTS: usize = 50;

/// Measures the Lambda functions.
#[derive(Parser)]
#[command(name = "bench")]
struct Options {
    /// Functions to measure; all, if none is named
    functions: Vec<String>,
    /// Where cargo-lambda has built them, to measure what is deployed: `target/lambda`
    #[arg(long, value_name = "FOLDER")]
    built: Option<PathBuf>,
    /// How often each is started, in turns
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: u16,
    /// How many requests it answers each time
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    requests: u16,
    /// Another Lambda binary to measure in the same run: a folder with a `bootstrap` and an `event.json`
    #[arg(long, value_name = "FOLDER")]
    vs: Vec<PathBuf>,
    /// Also what they are compared with: the floor, the bare SDK, and the SDK's own set-up
    #[arg(long)]
    others: bool,
    /// Also with the share of a core that a function has with so many MB
    #[arg(long, value_name = "MB", value_delimiter = ',')]
    memory: Vec<u32>,
    /// How many milliseconds longer the engine takes for each answer over TLS, as DynamoDB would
    #[arg(long, default_value_t = 0, value_name = "MS", value_parser = clap::value_parser!(u64).range(..=100))]
    latency: u64,
    /// Also without TLS
    #[arg(long)]
    plain: bool,
    /// Count no instructions, which takes valgrind
    #[arg(long)]
    no_instructions: bool,
    /// Where callgrind's profiles go (with `CARGO_PROFILE_RELEASE_STRIP=none`, they have names)
    #[arg(long, value_name = "FOLDER")]
    profiles: Option<PathBuf>,
    /// Where the measurements go as JSON
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
    let all = functions::all();
    let names: Vec<_> = if options.functions.is_empty() {
        all.keys().map(|&name| name.to_owned()).collect()
    } else {
        options.functions.clone()
    };
    if let Some(unknown) = names.iter().find(|name| !all.contains_key(name.as_str())) {
        return Err(format!("there is no function {unknown}").into());
    }
    let fixture = Fixture::new(Duration::from_millis(options.latency)).await?;
    let mut binaries = Vec::new();
    if options.others {
        binaries = baselines::build_all(&target_directory()?, &fixture).await?;
    }
    for directory in &options.vs {
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
        println!("\nWith a share of a core:\n\n{quotas}");
    }
    if let Some(file) = options.json {
        std::fs::write(file, serde_json::to_string_pretty(&results)?)?;
    }
    Ok(())
}

/// Builds these functions, with the features that they have without the rest.
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
        Err("the functions cannot be built".into())
    }
}

/// The folder of builds, in which this program is.
fn target_directory() -> Result<PathBuf, Error> {
    let executable = std::env::current_exe()?;
    let target = executable.ancestors().nth(2).ok_or("no folder of builds")?;
    Ok(target.to_owned())
}

/// How long the first and a warm request take with the share of a core that so much memory brings.
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

/// Starts each binary in turn, round after round.
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
            let start = count_instructions(binary, fixture, transport, 0, profiles).await?;
            let first = count_instructions(binary, fixture, transport, 1, profiles).await?;
            let warm =
                count_instructions(binary, fixture, transport, 1 + COUNTED_REQUESTS, profiles)
                    .await?;
            let per_request = (warm - first) / COUNTED_REQUESTS as u64;
            Some([start, first - start, per_request])
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
