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

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dev::{Error, functions};
use serde_json::json;
use shared::error::chain;
use tokio::process::Command;

use binary::Subject;
use cpu_quota::Share;
use fixture::{Way, World};
use measurements::Figures;
use process::{counted, timed};

/// How many requests a warm one's instructions are counted in.
const COUNTED: usize = 20;

/// How many requests are answered with a share of a core.
const SHARED: usize = 50;

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
    /// Where the figures go as JSON
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
    let world = World::new(Duration::from_millis(options.latency)).await?;
    let mut subjects = Vec::new();
    if options.others {
        subjects = baselines::all(&target()?, &world).await?;
    }
    for folder in &options.vs {
        subjects.push(Subject::other(folder)?);
    }
    let others = subjects.len();
    if options.built.is_none() {
        build(&names).await?;
    }
    for name in &names {
        let binary = match &options.built {
            Some(folder) => folder.join(name).join("bootstrap"),
            None => target()?.join("release").join(name),
        };
        subjects.push(Subject::function(name, binary));
    }

    let mut ways = vec![(Way::Tls, "Over TLS")];
    if options.plain {
        ways.push((Way::Plain, "Without TLS"));
    }
    let mut report = json!({});
    for (way, title) in ways {
        let figures = measure(&subjects, &world, way, &options).await?;
        println!("\n{title}:\n\n{}", measurements::table(&figures));
        for other in &figures[..others] {
            println!("{}", measurements::ratios(other, &figures));
        }
        report[title] = figures.iter().map(Figures::json).collect();
    }
    if !options.memory.is_empty() {
        let shares = shares(&subjects[others..], &world, &options).await?;
        println!("\nWith a share of a core:\n\n{shares}");
    }
    if let Some(file) = options.json {
        std::fs::write(file, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}

/// Builds these functions, with the features that they have without the rest.
async fn build(names: &[String]) -> Result<(), Error> {
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
fn target() -> Result<PathBuf, Error> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("no folder of builds")?;
    Ok(target.to_owned())
}

/// How long the first and a warm request take with the share of a core that so much memory brings.
async fn shares(subjects: &[Subject], world: &World, options: &Options) -> Result<String, Error> {
    let mut rows: Vec<_> = subjects.iter().map(|_| Vec::new()).collect();
    for &megabytes in &options.memory {
        let share = Share::of(megabytes)?;
        for (subject, row) in subjects.iter().zip(&mut rows) {
            let mut runs = Vec::new();
            for _ in 0..options.rounds {
                runs.push(timed(subject, world, Way::Tls, SHARED, Some(&share)).await?);
            }
            row.push(Figures {
                name: subject.name.clone(),
                runs,
                instructions: None,
                binary: 0,
                zip: 0,
            });
        }
    }
    let rows = rows.iter().map(|row| measurements::row_of_shares(row));
    Ok(measurements::head_of_shares(&options.memory) + &rows.collect::<String>())
}

/// Starts each binary in turn, round after round.
async fn measure(
    subjects: &[Subject],
    world: &World,
    way: Way,
    options: &Options,
) -> Result<Vec<Figures>, Error> {
    let mut all = Vec::new();
    for subject in subjects {
        let (binary, zip) = subject.sizes()?;
        let instructions = if options.no_instructions {
            None
        } else {
            let profiles = options.profiles.as_deref();
            let start = counted(subject, world, way, 0, profiles).await?;
            let first = counted(subject, world, way, 1, profiles).await?;
            let warm = counted(subject, world, way, 1 + COUNTED, profiles).await?;
            let each = (warm - first) / COUNTED as u64;
            Some([start, first - start, each])
        };
        eprintln!("{}: {instructions:?}", subject.name);
        all.push(Figures {
            name: subject.name.clone(),
            runs: Vec::new(),
            instructions,
            binary,
            zip,
        });
    }
    for _ in 0..options.rounds {
        for (subject, figures) in subjects.iter().zip(&mut all) {
            let run = timed(subject, world, way, options.requests.into(), None).await?;
            figures.runs.push(run);
        }
    }
    Ok(all)
}
