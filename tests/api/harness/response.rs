//! A response of the API, and assertions on it.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::logs;

/// A response of the API.
#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

/// The use of DynamoDB by a request, from its log line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    pub calls: u64,
    pub round_trips: u64,
    pub capacity_units: f64,
}

impl Response {
    /// The body; null if it is empty.
    pub fn json(&self) -> Value {
        if self.text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// A header; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The target of the `Link` with this relation.
    pub fn link(&self, rel: &str) -> Option<String> {
        let suffix = format!(">; rel=\"{rel}\"");
        let mut links = self.header("link").split(", ");
        let target = links.find_map(|link| link.strip_suffix(&suffix));
        target.map(|link| link[1..].to_owned())
    }

    /// The ids of the items of a page, in order.
    pub fn ids(&self) -> Vec<String> {
        let data = self.json()["data"].clone();
        let data = data
            .as_array()
            .unwrap_or_else(|| panic!("not a page: {self:?}"));
        data.iter()
            .map(|message| message["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The texts of the messages of a page, in order.
    pub fn texts(&self) -> Vec<String> {
        let data = self.json()["data"].clone();
        let data = data
            .as_array()
            .unwrap_or_else(|| panic!("not a page: {self:?}"));
        data.iter()
            .map(|message| message["message"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Asserts the status. Returns the response.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        let log = || logs::lines_of(self.header("x-request-id"));
        assert_eq!(self.status.as_u16(), status, "{self:?} {:?}", log());
        self
    }

    /// Asserts that this is this error, in the documented format. Returns the response.
    #[track_caller]
    pub fn fails(self, status: u16, code: &str, param: impl Into<Value>) -> Self {
        let response = self.is(status);
        let body = response.json();
        let keys: BTreeSet<_> = body
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(
            keys,
            BTreeSet::from(["code", "message", "param", "request_id", "type"]),
            "{body}"
        );
        let r#type = if status < 500 {
            "invalid_request"
        } else {
            "api_error"
        };
        assert_eq!(body["type"], r#type, "{body}");
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(body["param"], param.into(), "{body}");
        assert!(
            !body["message"].as_str().expect("a message").is_empty(),
            "{body}"
        );
        assert_eq!(
            body["request_id"],
            response.header("x-request-id"),
            "{body}"
        );
        assert_eq!(response.header("content-type"), "application/json");
        response
    }

    /// The only log line of the request.
    #[track_caller]
    pub fn log_line(&self) -> Value {
        log_line(self.header("x-request-id"))
    }

    /// The use of DynamoDB by the request.
    #[track_caller]
    pub fn cost(&self) -> Cost {
        Cost::of(self.header("x-request-id"))
    }
}

impl Cost {
    /// The use of DynamoDB by the invocation with this id.
    #[track_caller]
    pub fn of(request_id: &str) -> Self {
        let line = log_line(request_id);
        Self {
            calls: line["dynamodb_calls"].as_u64().unwrap(),
            round_trips: line["round_trips"].as_u64().unwrap(),
            capacity_units: line["read_units"].as_f64().unwrap()
                + line["write_units"].as_f64().unwrap(),
        }
    }
}

#[track_caller]
fn log_line(request_id: &str) -> Value {
    let mut lines = logs::lines_of(request_id);
    assert_eq!(lines.len(), 1, "one line per request: {lines:?}");
    lines.remove(0)
}
