//! `cargo ops conversation export`

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use local_stack::Error;
use shared::error::chain;
use shared::store::{Admin, ExportedMessage};
use shared::time::Micros;

use super::get;

#[derive(Args)]
pub struct Export {
    /// Conversation id
    id: String,
    /// File to write to, replaced if it exists [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Directory to download the files of attachments to, as `<attachment id>/<filename>`
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
}

impl Export {
    pub async fn run(self, admin: &Admin) -> Result<(), Error> {
        let conversation = get(&self.id, admin).await?.id;
        let newest = admin.newest_message_at(conversation).await?;
        // A progress bar would break up messages that are written to the same terminal.
        let bar = match &self.output {
            None if io::stdout().is_terminal() => ProgressBar::hidden(),
            _ => progress_bar()?,
        };
        let mut output = self.output()?;
        let mut count = 0;
        let mut first = None;
        let mut from = Micros(0);
        loop {
            let messages = admin.export_messages(conversation, from).await?;
            let Some(last) = messages.last() else {
                break;
            };
            let first = *first.get_or_insert(messages[0].message.id.created_at().0);
            from = Micros(last.message.id.created_at().0 + 1);
            match write(&mut output, &messages) {
                Ok(()) => {}
                // The reader, for example `head`, has closed the pipe.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(format!("cannot write the messages: {error}").into()),
            }
            if let Some(directory) = &self.files {
                download_files(&messages, directory, admin).await?;
            }
            count += messages.len();
            let newest = newest.map_or(from.0, |newest| newest.0);
            bar.set_length(newest.max(from.0) - first);
            bar.set_position(from.0 - first);
            bar.set_message(format!("{count} messages"));
        }
        bar.finish();
        Ok(())
    }

    fn output(&self) -> Result<Box<dyn Write>, Error> {
        let Some(path) = &self.output else {
            return Ok(Box::new(BufWriter::new(io::stdout())));
        };
        let file = File::create(path);
        let file = file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Box::new(BufWriter::new(file)))
    }
}

/// Downloads the files of messages. A file that has been downloaded before is replaced.
async fn download_files(
    messages: &[ExportedMessage],
    directory: &Path,
    admin: &Admin,
) -> Result<(), Error> {
    let exported = messages.iter();
    for attachment in exported.flat_map(|exported| &exported.message.attachments) {
        let content = admin.export_file(attachment.id).await;
        let content = content.map_err(|error| format!("{}: {}", attachment.id, chain(&error)))?;
        let Some(mut content) = content else {
            eprintln!("warning: {} has no file that may be read", attachment.id);
            continue;
        };
        let directory = directory.join(attachment.id.to_string());
        let path = directory.join(&attachment.filename);
        let failed = |error: io::Error| format!("cannot write {}: {error}", path.display());
        fs::create_dir_all(&directory).map_err(failed)?;
        let mut file = File::create(&path).map_err(failed)?;
        while let Some(bytes) = content.next().await {
            let bytes = bytes.map_err(|error| format!("{}: {}", attachment.id, chain(&error)))?;
            file.write_all(&bytes).map_err(failed)?;
        }
    }
    Ok(())
}

/// Measures progress by creation time, because the number of messages is not known in advance.
fn progress_bar() -> Result<ProgressBar, Error> {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3}% {msg}")?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn write(output: &mut impl Write, messages: &[ExportedMessage]) -> io::Result<()> {
    for message in messages {
        serde_json::to_writer(&mut *output, message)?;
        output.write_all(b"\n")?;
    }
    output.flush()
}
