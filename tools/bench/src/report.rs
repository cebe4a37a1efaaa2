//! The tables that the benchmark prints, in Markdown.

use std::fmt::Write;

use crate::measurements::{Instructions, Measurements, Spread, as_f64};

/// Returns all measurements, with a row per binary.
pub fn table(all: &[Measurements]) -> String {
    let mut table = "| | init, M instr. | first | warm | init, ms | first, ms | warm p50, ms | p99, ms \
         | peak, MiB | binary, MB | zip, MB | calls | round trips | read units | write units | $ per million |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for measured in all {
        let instructions = match measured.instructions {
            Some(Instructions {
                init,
                first_request,
                warm_request,
            }) => [init, first_request, warm_request]
                .map(|count| format!("{:.1}", as_f64(count) / 1e6))
                .join(" | "),
            None => "– | – | –".to_owned(),
        };
        let median_and_range =
            |spread: Spread| format!("{:.1} ({:.1}–{:.1})", spread.median, spread.min, spread.max);
        let megabytes = |bytes: usize| as_f64(bytes as u64) / 1e6;
        let _ = writeln!(
            table,
            "| {} | {instructions} | {} | {} | {:.2} | {:.2} | {:.1} | {:.2} | {:.2} | {} | {} | {} | {} | {} |",
            measured.name,
            median_and_range(measured.init_ms()),
            median_and_range(measured.first_ms()),
            measured.warm_percentile_ms(50),
            measured.warm_percentile_ms(99),
            measured.peak_memory_mib(),
            megabytes(measured.binary_bytes),
            megabytes(measured.zip_bytes),
            measured.logged("dynamodb_calls"),
            measured.logged("round_trips"),
            measured.logged("read_units"),
            measured.logged("write_units"),
            measured
                .dollars_per_million()
                .map_or_else(|| "–".to_owned(), |dollars| format!("{dollars:.2}")),
        );
    }
    table
}

/// Returns the header of a table with a column per memory size, in MB.
pub fn cpu_quota_table_header(memory: &[u32]) -> String {
    let cells = |text: &dyn Fn(&u32) -> String| memory.iter().map(text).collect::<String>();
    format!(
        "| first / warm p50 / p99, ms |{}\n| --- |{}\n",
        cells(&|megabytes| format!(" {megabytes} MB |")),
        cells(&|_| " --- |".to_owned())
    )
}

/// Returns the row of one binary, given its measurements for each memory size.
pub fn cpu_quota_table_row(all: &[Measurements]) -> String {
    let name = all
        .first()
        .map_or("", |measurements| measurements.name.as_str());
    let cells = all.iter().map(|measurements| {
        let (first, p50, p99) = (
            measurements.first_ms().median,
            measurements.warm_percentile_ms(50),
            measurements.warm_percentile_ms(99),
        );
        format!(" {first:.1} / {p50:.1} / {p99:.1} |")
    });
    format!("| {name} |{}\n", cells.collect::<String>())
}

/// Returns the measurements of each binary divided by those of `baseline`.
pub fn ratios(baseline: &Measurements, all: &[Measurements]) -> String {
    let mut table = format!(
        "| relative to {} | init + first, instr. | warm, instr. | init + first, ms | warm p50 | peak | zip |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        baseline.name
    );
    let cold_start_ms = |measurements: &Measurements| {
        measurements.init_ms().median + measurements.first_ms().median
    };
    for measured in all {
        let instructions = match (measured.instructions, baseline.instructions) {
            (Some(own), Some(base)) => format!(
                "{:.2} | {:.2}",
                as_f64(own.init + own.first_request) / as_f64(base.init + base.first_request),
                as_f64(own.warm_request) / as_f64(base.warm_request)
            ),
            _ => "– | –".to_owned(),
        };
        let _ = writeln!(
            table,
            "| {} | {instructions} | {:.2} | {:.2} | {:.2} | {:.2} |",
            measured.name,
            cold_start_ms(measured) / cold_start_ms(baseline),
            measured.warm_percentile_ms(50) / baseline.warm_percentile_ms(50),
            measured.peak_memory_mib() / baseline.peak_memory_mib(),
            as_f64(measured.zip_bytes as u64) / as_f64(baseline.zip_bytes as u64),
        );
    }
    table
}
