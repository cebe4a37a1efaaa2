//! Confirmation of destructive commands.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use local_stack::Error;

#[derive(Args)]
pub struct Confirmation {
    /// Skip the confirmation prompt
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks for confirmation of `action`. Fails if the operator declines or standard input is not a terminal.
    pub fn require(&self, action: &str) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("standard input is not a terminal: pass --yes to {action}").into());
        }
        write!(io::stderr(), "Do you want to {action}? [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err("not confirmed, nothing was changed".into()),
        }
    }
}
