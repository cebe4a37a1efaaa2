//! How commands that read print what they find.

use std::io::{self, IsTerminal, Stdout, Write};

use clap::Args;
use serde_json::Value;
use tabwriter::TabWriter;

use crate::print_line;

#[derive(Args, Clone, Copy)]
pub struct Format {
    /// Print JSON for programs: an object per line, with times in Unix seconds
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints an object, or the lines for people.
    pub fn print(self, object: impl FnOnce() -> Value, lines: impl FnOnce() -> String) {
        if self.json {
            print_line(&object().to_string());
        } else {
            print_line(&lines());
        }
    }

    /// Starts a list with these columns: aligned and with a header on a terminal, otherwise separated by tabs.
    pub fn list(self, columns: &[&str]) -> List {
        let is_aligned = !self.json && io::stdout().is_terminal();
        let mut list = List {
            format: self,
            aligned: is_aligned.then(|| TabWriter::new(io::stdout())),
        };
        if is_aligned {
            list.print(&columns.join("\t").to_uppercase());
        }
        list
    }
}

/// A list that is being printed.
pub struct List {
    format: Format,
    /// Holds the lines back until it is dropped, because the width of a column depends on all of them.
    aligned: Option<TabWriter<Stdout>>,
}

impl List {
    /// Prints an object, or its cells for people.
    pub fn row<const N: usize>(
        &mut self,
        object: impl FnOnce() -> Value,
        cells: impl FnOnce() -> [String; N],
    ) {
        let line = if self.format.json {
            object().to_string()
        } else {
            cells().join("\t")
        };
        self.print(&line);
    }

    fn print(&mut self, line: &str) {
        match &mut self.aligned {
            Some(aligned) => {
                let _ = writeln!(aligned, "{line}");
            }
            None => print_line(line),
        }
    }
}

impl Drop for List {
    /// Ignores errors, as `print_line` does.
    fn drop(&mut self) {
        if let Some(aligned) = &mut self.aligned {
            let _ = aligned.flush();
        }
    }
}
