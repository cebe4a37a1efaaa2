//! Collects the log of all tests of this process, so that a test can find the lines of its requests.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};

use serde_json::Value;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Starts to collect the log; later calls do nothing.
pub fn collect() {
    shared::log::init_with(|| Log);
}

/// The log lines of a request.
pub fn lines_of(request_id: &str) -> Vec<Value> {
    let needle = format!("\"request_id\":\"{request_id}\"");
    let log = log();
    let text = str::from_utf8(&log).expect("the log is UTF-8");
    text.lines()
        .filter(|line| line.contains(&needle))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The log so far.
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
