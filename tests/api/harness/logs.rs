//! Collects the log of all tests, so that each can look up the lines of its own requests.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to collect, once.
pub fn collect() {
    shared::log::init_with(|| Log);
}

/// The lines of one request.
pub fn lines_of(request_id: &str) -> Vec<Value> {
    let needle = format!("\"request_id\":\"{request_id}\"");
    let log = log();
    let text = str::from_utf8(&log).expect("the log is UTF-8");
    text.lines()
        .filter(|line| line.contains(&needle))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The whole log until now.
pub fn all() -> String {
    String::from_utf8(log().clone()).expect("the log is UTF-8")
}

fn log() -> MutexGuard<'static, Vec<u8>> {
    LOG.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        log().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
