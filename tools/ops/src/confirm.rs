//! Asking before something is destroyed.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use dev::Error;

/// Whether the operator agrees.
#[derive(Args)]
pub struct Consent {
    /// Does it without asking
    #[arg(long, short)]
    yes: bool,
}

impl Consent {
    /// Asks whether to do this; fails if the answer is no, or if there is no terminal to ask at.
    pub fn to(&self, what: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("there is no terminal to ask at: say --yes to {what}").into());
        }
        write!(io::stderr(), "Really {what}? [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err("nothing was changed".into()),
        }
    }
}
