//! `cargo ops doctor`

use clap::Args;
use dev::Error;
use shared::Store;
use shared::error::chain;
use shared::store::Survey;

use crate::confirm::Consent;
use crate::say;

#[derive(Args)]
pub struct Doctor {
    /// Mends what is wrong, then looks again; messages of conversations that exist are never deleted
    #[arg(long)]
    mend: bool,
    /// Also prints the ids of what is wrong
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    consent: Consent,
}

impl Doctor {
    pub async fn run(self, store: &Store) -> Result<(), Error> {
        let survey = store.survey().await?;
        for (table, count) in &survey.tables {
            say(&format!("{table} {count}"));
        }
        self.report(&survey);
        let wrong = survey.findings().count();
        match wrong {
            0 => Ok(()),
            _ if self.mend => self.mend(&survey, wrong, store).await,
            _ => Err(format!("{wrong} wrong; `doctor --mend` mends").into()),
        }
    }

    async fn mend(&self, survey: &Survey, wrong: usize, store: &Store) -> Result<(), Error> {
        self.consent.to(&format!("mend all {wrong}"))?;
        let mut mended = 0;
        for finding in survey.findings() {
            let done = store.mend(finding).await;
            let done = done.map_err(|error| format!("{finding}: {}", chain(&error)))?;
            mended += usize::from(done);
        }
        say(&format!("mended {mended}"));
        let survey = store.survey().await?;
        let wrong = survey.findings().count();
        if wrong == 0 {
            return Ok(());
        }
        self.report(&survey);
        Err(
            format!("{wrong} still wrong: what mending one brought to light, another run mends")
                .into(),
        )
    }

    fn report(&self, survey: &Survey) {
        for (kind, findings) in &survey.kinds {
            say(&format!("{kind} {}", findings.len()));
            if self.verbose {
                for finding in findings {
                    say(&format!("  {finding}"));
                }
            }
        }
    }
}
