//! Confirmation of destructive commands.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use local_stack::Error;

use crate::target::Target;

#[derive(Args)]
pub struct Confirmation {
    /// Skip the confirmation prompt
    #[arg(long, short)]
    yes: bool,
}

impl Confirmation {
    /// Asks for confirmation of `action` in `target`. Fails if the operator declines or standard input is not a
    /// terminal.
    pub fn require(&self, action: &str, target: &Target) -> Result<(), Error> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("standard input is not a terminal: pass --yes to {action}").into());
        }
        let place = &target.description;
        write!(io::stderr(), "In {place}: {action}? [y/N] ")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err("not confirmed, nothing was changed".into()),
        }
    }
}
