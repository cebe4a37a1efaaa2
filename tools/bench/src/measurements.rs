//! What was measured of a binary, and what follows from it.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Timed;

/// DynamoDB on demand, per million read and write units; API Gateway (HTTP API) per million requests;
/// Lambda per million requests and per GB·s; 0.9 KB of logs for each of a million; us-east-1, in dollars.
const READ: f64 = 0.125;
const WRITE: f64 = 0.625;
const GATEWAY: f64 = 1.00;
const REQUEST: f64 = 0.20;
const GB_SECOND: f64 = 0.000_016_666_7;
const LOGS: f64 = 0.45;

/// All of one binary, reached one way.
pub struct Figures {
    pub name: String,
    pub runs: Vec<Timed>,
    /// Of the start, of the first request, of a warm one; none without valgrind.
    pub instructions: Option<[u64; 3]>,
    pub binary: usize,
    pub zip: usize,
}

/// A median, and how far apart the rounds were, in milliseconds.
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Figures {
    /// Of the start, in milliseconds.
    pub fn init(&self) -> Spread {
        spread(self.runs.iter().map(|run| run.init))
    }

    /// Of the first request.
    pub fn first(&self) -> Spread {
        spread(self.runs.iter().map(|run| run.first))
    }

    /// Of the warm requests of all rounds, at this percentage.
    pub fn warm(&self, percent: usize) -> f64 {
        let mut all: Vec<_> = self.runs.iter().flat_map(|run| &run.warm).collect();
        all.sort_unstable();
        let last = all.len().saturating_sub(1);
        all.get(last * percent / 100).map_or(0.0, |took| ms(**took))
    }

    /// In MiB.
    pub fn peak(&self) -> f64 {
        let peak = self.runs.iter().map(|run| run.peak).max();
        precise(peak.unwrap_or_default()) / 1024.0
    }

    /// What the last warm request of a round asked of DynamoDB, as the log has it; 0 for others' binaries.
    pub fn logged(&self, field: &str) -> f64 {
        let log = self.runs.last().map(|run| &run.log[field]);
        log.and_then(Value::as_f64).unwrap_or_default()
    }

    /// A million warm requests of a function of ours, at 256 MB and at the 10 ms that the README assumes.
    pub fn dollars(&self) -> Option<f64> {
        let is_ours = self.logged("duration_ms") > 0.0;
        let units = self.logged("read_units") * READ + self.logged("write_units") * WRITE;
        let lambda = REQUEST + 10_000.0 * 0.25 * GB_SECOND;
        is_ours.then_some(units + GATEWAY + lambda + LOGS)
    }

    pub fn json(&self) -> Value {
        let spread = |spread: Spread| json!({"median": spread.median, "min": spread.least, "max": spread.most});
        json!({
            "name": self.name,
            "init_ms": spread(self.init()),
            "first_ms": spread(self.first()),
            "warm_ms": {"p50": self.warm(50), "p99": self.warm(99)},
            "warm_requests": self.runs.iter().map(|run| run.warm.len()).sum::<usize>(),
            "instructions": self.instructions.map(|[init, first, warm]| {
                json!({"init": init, "first": first, "warm": warm})
            }),
            "peak_mib": self.peak(),
            "binary_bytes": self.binary,
            "zip_bytes": self.zip,
            "dynamodb_calls": self.logged("dynamodb_calls"),
            "round_trips": self.logged("round_trips"),
            "read_units": self.logged("read_units"),
            "write_units": self.logged("write_units"),
            "dollars_per_million": self.dollars(),
        })
    }
}

/// A table in Markdown.
pub fn table(all: &[Figures]) -> String {
    let mut table = "| | init, M instr. | first | warm | init, ms | first, ms | warm p50, ms | p99, ms \
         | peak, MiB | binary, MB | zip, MB | calls | round trips | read units | write units | $ per million |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for one in all {
        let instructions = match one.instructions {
            Some(all) => all
                .map(|count| format!("{:.1}", precise(count) / 1e6))
                .join(" | "),
            None => "– | – | –".to_owned(),
        };
        let between = |spread: Spread| {
            format!(
                "{:.1} ({:.1}–{:.1})",
                spread.median, spread.least, spread.most
            )
        };
        let megabytes = |bytes: usize| precise(bytes as u64) / 1e6;
        let _ = writeln!(
            table,
            "| {} | {instructions} | {} | {} | {:.2} | {:.2} | {:.1} | {:.2} | {:.2} | {} | {} | {} | {} | {} |",
            one.name,
            between(one.init()),
            between(one.first()),
            one.warm(50),
            one.warm(99),
            one.peak(),
            megabytes(one.binary),
            megabytes(one.zip),
            one.logged("dynamodb_calls"),
            one.logged("round_trips"),
            one.logged("read_units"),
            one.logged("write_units"),
            one.dollars()
                .map_or_else(|| "–".to_owned(), |dollars| format!("{dollars:.2}")),
        );
    }
    table
}

/// The head of a table by memory.
pub fn head_of_shares(memory: &[u32]) -> String {
    let cells = |text: &dyn Fn(&u32) -> String| memory.iter().map(text).collect::<String>();
    format!(
        "| first / warm p50 / p99, ms |{}\n| --- |{}\n",
        cells(&|megabytes| format!(" {megabytes} MB |")),
        cells(&|_| " --- |".to_owned())
    )
}

/// What one binary takes with each.
pub fn row_of_shares(all: &[Figures]) -> String {
    let name = all.first().map_or("", |figures| figures.name.as_str());
    let cells = all.iter().map(|figures| {
        let (first, p50, p99) = (figures.first().median, figures.warm(50), figures.warm(99));
        format!(" {first:.1} / {p50:.1} / {p99:.1} |")
    });
    format!("| {name} |{}\n", cells.collect::<String>())
}

/// How the others compare with `one`: how many times what it takes.
pub fn ratios(one: &Figures, others: &[Figures]) -> String {
    let mut table = format!(
        "| times {} | init + first, instr. | warm, instr. | init + first, ms | warm p50 | peak | zip |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        one.name
    );
    let cold = |figures: &Figures| figures.init().median + figures.first().median;
    for other in others {
        let instructions = match (other.instructions, one.instructions) {
            (Some([init, first, warm]), Some([its_init, its_first, its_warm])) => format!(
                "{:.2} | {:.2}",
                precise(init + first) / precise(its_init + its_first),
                precise(warm) / precise(its_warm)
            ),
            _ => "– | –".to_owned(),
        };
        let _ = writeln!(
            table,
            "| {} | {instructions} | {:.2} | {:.2} | {:.2} | {:.2} |",
            other.name,
            cold(other) / cold(one),
            other.warm(50) / one.warm(50),
            other.peak() / one.peak(),
            precise(other.zip as u64) / precise(one.zip as u64),
        );
    }
    table
}

fn spread(all: impl Iterator<Item = Duration>) -> Spread {
    let mut all: Vec<_> = all.map(ms).collect();
    all.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| all.get(index).copied().unwrap_or_default();
    Spread {
        median: at(all.len() / 2),
        least: at(0),
        most: at(all.len().saturating_sub(1)),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no figure has 52 bits")]
fn precise(count: u64) -> f64 {
    count as f64
}
