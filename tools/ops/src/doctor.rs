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
    /// Mends what is wrong, then looks again; messages of conversations that exist are never deleted
    #[arg(long)]
    mend: bool,
    /// Also prints the ids of what is wrong
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
            _ if self.mend => self.repair(&survey, count, store).await,
            _ => Err(format!("{count} wrong; `doctor --mend` mends").into()),
        }
    }

    async fn repair(&self, survey: &Survey, count: usize, store: &Store) -> Result<(), Error> {
        self.confirmation.require(&format!("mend all {count}"))?;
        let mut repaired = 0;
        for finding in survey.findings() {
            let done = store.mend(finding).await;
            let done = done.map_err(|error| format!("{finding}: {}", chain(&error)))?;
            repaired += usize::from(done);
        }
        print_line(&format!("mended {repaired}"));
        let survey = store.survey().await?;
        let count = survey.findings().count();
        if count == 0 {
            return Ok(());
        }
        self.print_findings(&survey);
        Err(
            format!("{count} still wrong: what mending one brought to light, another run mends")
                .into(),
        )
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
