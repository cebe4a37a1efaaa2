//! The last requests, for `/requests`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use local_stack::demo::CONTACTS;
use serde_json::Value;

/// How many are kept.
const MAX_REQUESTS: usize = 200;

/// The log lines of the last requests.
#[derive(Clone, Default)]
pub struct RecentRequests(Arc<Mutex<VecDeque<Value>>>);

impl RecentRequests {
    /// Adds a line of the log if it is about a request.
    pub fn add(&self, line: Value) {
        if line["status"].is_u64() {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_front(line);
            lines.truncate(MAX_REQUESTS);
        }
    }

    /// The lines, the last request first.
    pub fn lines(&self) -> Vec<Value> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

/// The username of a demo contact, or the id of another one; empty without a valid token.
pub fn contact_name(line: &Value) -> &str {
    let id = line["contact_id"].as_str().unwrap_or_default();
    let known = CONTACTS.iter().find(|known| known.id == id);
    known.map_or(id, |known| known.username)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_two_hundred_requests_are_kept() {
        let recent = RecentRequests::default();
        for number in 0..=200 {
            recent.add(json!({"status": 200, "number": number}));
            recent.add(json!({"level": "WARN", "message": "slow"}));
        }
        let numbers: Vec<_> = recent
            .lines()
            .iter()
            .map(|line| line["number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (1..=200).rev().collect::<Vec<_>>());
    }
}
