//! `cargo ops doctor`

use clap::Args;
use dev::Error;
use shared::Store;
use shared::error::chain;
use shared::store::Survey;

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
    pub async fn run(self, store: &Store) -> Result<(), Error> {
        let survey = store.survey().await?;
        for (table, count) in &survey.tables {
            print_line(&format!("{table} {count}"));
        }
        self.print_findings(&survey);
        let count = survey.findings().count();
        match count {
            0 => Ok(()),
            _ if self.repair => self.repair(&survey, count, store).await,
            _ => Err(
                format!("inconsistencies found: {count}; `doctor --repair` repairs them").into(),
            ),
        }
    }

    async fn repair(&self, survey: &Survey, count: usize, store: &Store) -> Result<(), Error> {
        self.confirmation
            .require(&format!("repair all inconsistencies ({count})"))?;
        let mut repaired = 0;
        for finding in survey.findings() {
            let done = store.mend(finding).await;
            let done = done.map_err(|error| format!("{finding}: {}", chain(&error)))?;
            repaired += usize::from(done);
        }
        print_line(&format!("repaired {repaired}"));
        let survey = store.survey().await?;
        let count = survey.findings().count();
        if count == 0 {
            return Ok(());
        }
        self.print_findings(&survey);
        Err(format!(
            "inconsistencies remaining: {count}; run `doctor --repair` again, as repairs can reveal further ones, \
             and resolve the rest manually"
        )
        .into())
    }

    fn print_findings(&self, survey: &Survey) {
        for (kind, findings) in &survey.kinds {
            print_line(&format!("{kind} {}", findings.len()));
            if self.verbose {
                for finding in findings {
                    print_line(&format!("  {finding}"));
                }
            }
        }
    }
}
