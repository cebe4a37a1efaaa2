//! The log of requests on standard error: a line that people can read on a terminal, otherwise JSON.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde_json::Value;

use crate::recent_requests::{RecentRequests, contact_name};

/// The format of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// A short line per request
    Text,
    /// The line that the functions write on AWS
    Json,
    /// No log
    Off,
}

impl LogFormat {
    /// Text on a terminal, otherwise JSON.
    pub fn default_for_stderr() -> Self {
        if io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Starts logging to standard error, and keeps the last requests.
pub fn init(format: LogFormat, recent: RecentRequests) {
    shared::log::init_with(move || Writer {
        format,
        recent: recent.clone(),
    });
}

/// Writes JSON lines in the format.
struct Writer {
    format: LogFormat,
    recent: RecentRequests,
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let json = serde_json::from_slice(line).ok();
        let text = match (&json, self.format) {
            (_, LogFormat::Off) => String::new(),
            (Some(json), LogFormat::Text) => format!("{}\n", text(json)),
            _ => String::from_utf8_lossy(line).into_owned(),
        };
        if let Some(json) = json {
            self.recent.add(json);
        }
        io::stderr().write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// `22:49:36 201 create-message KevinMcCallister 6 ms, 4 read units, 18 write units`; the log line as it is if it is
/// not about a request.
fn text(line: &Value) -> String {
    let Some(status) = line["status"].as_u64() else {
        return line.to_string();
    };
    let field = |name: &str| line[name].as_str().unwrap_or_default();
    let number = |name: &str| line[name].as_f64().unwrap_or_default();
    let time = field("timestamp").get(11..19).unwrap_or_default();
    let operation = field("operation");
    let contact = contact_name(line);
    let mut words = vec![time.to_owned(), status.to_string(), operation.to_owned()];
    words.extend((!contact.is_empty()).then(|| contact.to_owned()));
    words.push(format!("{:.0} ms", number("duration_ms")));
    let mut parts = vec![words.join(" ")];
    for unit in ["read", "write"] {
        let units = number(&format!("{unit}_units"));
        parts.extend((units > 0.0).then(|| format!("{units} {unit} units")));
    }
    let text = parts.join(", ");
    match line["error"].as_str() {
        Some(error) => format!("{text}: {error}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_a_short_line() {
        let line = json!({
            "timestamp": "2026-11-24T22:49:36.123456Z", "status": 201, "operation": "create-message",
            "contact_id": "WAz8eIbvDR60rouK", "duration_ms": 6.4, "read_units": 4.0, "write_units": 18.0,
        });
        assert_eq!(
            text(&line),
            "22:49:36 201 create-message KevinMcCallister 6 ms, 4 read units, 18 write units"
        );
    }

    #[test]
    fn a_failed_request_says_why() {
        let line = json!({
            "timestamp": "2026-11-24T22:49:36.123456Z", "status": 401, "operation": "get-me",
            "duration_ms": 0.6, "read_units": 0.0, "write_units": 0.0, "error": "the token is invalid",
        });
        assert_eq!(
            text(&line),
            "22:49:36 401 get-me 1 ms: the token is invalid"
        );
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let line = json!({"level": "WARN", "message": "slow"});
        assert_eq!(text(&line), line.to_string());
    }
}
