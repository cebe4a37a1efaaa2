//! A Lambda binary to measure, and the events that it receives.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use local_stack::Error;
use local_stack::lambda::InvocationResponse;
use serde_json::Value;

use crate::event;
use crate::fixture::Fixture;

pub struct Binary {
    pub name: String,
    pub path: PathBuf,
    /// The event of every request; `None` for the functions of this project, whose events differ.
    pub event: Option<Value>,
}

impl Binary {
    /// A function of this project.
    pub fn function(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            path,
            event: None,
        }
    }

    /// Any other Lambda binary: `bootstrap` and `event.json` in a directory.
    pub fn in_directory(directory: &Path) -> Result<Self, Error> {
        let name = directory
            .file_name()
            .ok_or("the path of a directory has no name")?;
        let event = directory.join("event.json");
        let text = fs::read(&event).map_err(|error| format!("{}: {error}", event.display()))?;
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            path: directory.join("bootstrap"),
            event: Some(serde_json::from_slice(&text)?),
        })
    }

    pub async fn next_event(&self, fixture: &Fixture) -> Result<Value, Error> {
        match &self.event {
            Some(event) => Ok(event.clone()),
            None => event::next(&self.name, fixture).await,
        }
    }

    /// Fails if the response is not a success or, for a function of this project, not of the expected status.
    pub fn check_response(&self, response: &InvocationResponse) -> Result<(), Error> {
        let status = || {
            let json: Value = serde_json::from_str(&response.body).unwrap_or_default();
            json["statusCode"].as_u64()
        };
        let is_expected = match &self.event {
            Some(_) => status().is_none_or(|status| status < 400),
            None => status() == Some(event::expected_status(&self.name)),
        };
        if is_expected && !response.is_error {
            Ok(())
        } else {
            Err(format!("unexpected response of {}: {}", self.name, response.body).into())
        }
    }

    /// Returns the size of the binary and of a ZIP archive that contains only the binary.
    pub fn binary_and_zip_bytes(&self) -> Result<(usize, usize), Error> {
        /// Local file header, central directory header and end record, with the file name twice.
        const ZIP_HEADERS: usize = 30 + 46 + 22 + 2 * "bootstrap".len();
        let bytes = fs::read(&self.path)?;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&bytes)?;
        Ok((bytes.len(), deflated.finish()?.len() + ZIP_HEADERS))
    }
}
