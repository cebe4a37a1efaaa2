//! Asking before something is destroyed.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use dev::Error;

/// Whether the operator agrees.
#[derive(Args)]
pub struct Confirmation {
    /// Does it without asking
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks whether to do this; fails if the answer is no, or if there is no terminal to ask at.
    pub fn require(&self, action: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("there is no terminal to ask at: say --yes to {action}").into());
        }
        write!(io::stderr(), "Really {action}? [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err("nothing was changed".into()),
        }
    }
}
