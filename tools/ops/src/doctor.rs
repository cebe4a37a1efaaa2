//! `cargo ops doctor`

use clap::Args;
use local_stack::Error;
use serde_json::{Map, Value, json};
use shared::error::chain;
use shared::store::{Inconsistency, Report};

use crate::confirm::Confirmation;
use crate::print_line;
use crate::target::Target;

#[derive(Args)]
pub struct Doctor {
    /// Repair the inconsistencies and check again (never deletes messages of existing conversations)
    #[arg(long)]
    repair: bool,
    /// Also print the ids of inconsistent items, and the kinds of inconsistencies that were not found
    #[arg(long, short)]
    verbose: bool,
    /// Print a JSON object for programs: the items of each table, and the ids of inconsistent items by kind
    #[arg(long, conflicts_with_all = ["repair", "verbose"])]
    json: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Doctor {
    pub async fn run(self, target: &Target) -> Result<(), Error> {
        let report = target.admin.check().await?;
        let count = report.inconsistencies().count();
        if self.json {
            print_line(&object(&report).to_string());
        } else {
            self.print_report(&report);
        }
        explain_unfinished_erasures(&report);
        match count {
            0 => Ok(()),
            _ if self.repair => self.repair(&report, count, target).await,
            _ => Err(format!(
                "inconsistencies found: {count}; `doctor --repair` repairs what it can"
            )
            .into()),
        }
    }

    async fn repair(&self, report: &Report, count: usize, target: &Target) -> Result<(), Error> {
        let admin = &target.admin;
        self.confirmation
            .require(&format!("repair all inconsistencies ({count})"), target)?;
        let mut repaired = 0;
        for inconsistency in report.inconsistencies() {
            if inconsistency.is_file_without_attachment() && !target.owns_files {
                eprintln!("note: {inconsistency}: kept, as the file may belong to other tables");
                continue;
            }
            let done = admin.repair(inconsistency).await;
            let done = done.map_err(|error| format!("{inconsistency}: {}", chain(&error)))?;
            repaired += usize::from(done);
        }
        print_line(&format!("repaired {repaired}"));
        let report = admin.check().await?;
        let count = report.inconsistencies().count();
        if count == 0 {
            print_line("no inconsistencies");
            return Ok(());
        }
        self.print_inconsistencies(&report);
        Err(format!(
            "inconsistencies remaining: {count}; run `doctor --repair` again, as repairs can reveal further ones, \
             and resolve the rest manually"
        )
        .into())
    }

    fn print_report(&self, report: &Report) {
        for (table, count) in &report.tables {
            print_line(&format!("{table} {count}"));
        }
        self.print_inconsistencies(report);
        if report.inconsistencies().next().is_none() {
            print_line("no inconsistencies");
        }
    }

    fn print_inconsistencies(&self, report: &Report) {
        let kinds = report.kinds.iter();
        for (kind, found) in kinds.filter(|(_, found)| self.verbose || !found.is_empty()) {
            print_line(&format!("{kind} {}", found.len()));
            if self.verbose {
                for inconsistency in found {
                    print_line(&format!("  {inconsistency}"));
                }
            }
        }
    }
}

fn explain_unfinished_erasures(report: &Report) {
    for inconsistency in report.inconsistencies() {
        if let Inconsistency::UnfinishedErasure(contact) = inconsistency {
            eprintln!("note: {contact}: `cargo ops contact erase {contact}` continues the erasure");
        }
    }
}

fn object(report: &Report) -> Value {
    let tables = report.tables.iter();
    let tables: Map<_, _> = tables
        .map(|(name, count)| ((*name).to_owned(), json!(count)))
        .collect();
    let found = report.kinds.iter().filter(|(_, found)| !found.is_empty());
    let inconsistencies: Map<_, _> = found
        .map(|(kind, found)| {
            let items: Vec<_> = found.iter().map(ToString::to_string).collect();
            ((*kind).to_owned(), json!(items))
        })
        .collect();
    json!({"tables": tables, "inconsistencies": inconsistencies})
}
