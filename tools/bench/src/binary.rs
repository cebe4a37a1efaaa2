//! What is measured: a Lambda binary, and the events that it is given.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use dev::Error;
use dev::lambda::Answer;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::Value;

use crate::event;
use crate::fixture::Fixture;

/// A Lambda binary.
pub struct Binary {
    pub name: String,
    pub path: PathBuf,
    /// The one event that it is given again and again; none for a function of ours.
    pub event: Option<Value>,
}

impl Binary {
    /// A function of ours.
    pub fn function(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            path,
            event: None,
        }
    }

    /// Any other: the `bootstrap` of a folder, and the `event.json` beside it.
    pub fn in_directory(directory: &Path) -> Result<Self, Error> {
        let name = directory.file_name().ok_or("a folder without a name")?;
        let event = directory.join("event.json");
        let text = fs::read(&event).map_err(|error| format!("{}: {error}", event.display()))?;
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            path: directory.join("bootstrap"),
            event: Some(serde_json::from_slice(&text)?),
        })
    }

    /// What it is given next.
    pub async fn next_event(&self, fixture: &Fixture) -> Result<Value, Error> {
        match &self.event {
            Some(event) => Ok(event.clone()),
            None => event::next(&self.name, fixture).await,
        }
    }

    /// Says so if an answer is not the one that its events should get.
    pub fn check_response(&self, response: &Answer) -> Result<(), Error> {
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
            Err(format!("{} answered {}", self.name, response.body).into())
        }
    }

    /// The bytes of the binary, and of a ZIP archive of it.
    pub fn binary_and_zip_bytes(&self) -> Result<(usize, usize), Error> {
        /// The headers of an archive with one file called `bootstrap`.
        const ZIP_HEADERS: usize = 30 + 46 + 22 + 2 * "bootstrap".len();
        let bytes = fs::read(&self.path)?;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        deflated.write_all(&bytes)?;
        Ok((bytes.len(), deflated.finish()?.len() + ZIP_HEADERS))
    }
}
