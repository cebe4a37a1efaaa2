//! `cargo ops doctor`

use clap::Args;
use local_stack::Error;
use shared::error::chain;
use shared::store::Admin;
use shared::store::Report;

use crate::confirm::Confirmation;
use crate::print_line;

#[derive(Args)]
pub struct Doctor {
    /// Repair the inconsistencies and check again (never deletes messages of existing conversations)
    #[arg(long)]
    repair: bool,
    /// Also print the ids of inconsistent items
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

impl Doctor {
    pub async fn run(self, admin: &Admin) -> Result<(), Error> {
        let report = admin.check().await?;
        for (table, count) in &report.tables {
            print_line(&format!("{table} {count}"));
        }
        self.print_inconsistencies(&report);
        let count = report.inconsistencies().count();
        match count {
            0 => Ok(()),
            _ if self.repair => self.repair(&report, count, admin).await,
            _ => Err(
                format!("inconsistencies found: {count}; `doctor --repair` repairs them").into(),
            ),
        }
    }

    async fn repair(&self, report: &Report, count: usize, admin: &Admin) -> Result<(), Error> {
        self.confirmation
            .require(&format!("repair all inconsistencies ({count})"))?;
        let mut repaired = 0;
        for inconsistency in report.inconsistencies() {
            let done = admin.repair(inconsistency).await;
            let done = done.map_err(|error| format!("{inconsistency}: {}", chain(&error)))?;
            repaired += usize::from(done);
        }
        print_line(&format!("repaired {repaired}"));
        let report = admin.check().await?;
        let count = report.inconsistencies().count();
        if count == 0 {
            return Ok(());
        }
        self.print_inconsistencies(&report);
        Err(format!(
            "inconsistencies remaining: {count}; run `doctor --repair` again, as repairs can reveal further ones, \
             and resolve the rest manually"
        )
        .into())
    }

    fn print_inconsistencies(&self, report: &Report) {
        for (kind, found) in &report.kinds {
            print_line(&format!("{kind} {}", found.len()));
            if self.verbose {
                for inconsistency in found {
                    print_line(&format!("  {inconsistency}"));
                }
            }
        }
    }
}
