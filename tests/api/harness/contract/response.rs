//! Whether a response is one that its operation declares.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Contract, Exchange, Operation, path_parameters, strings};

impl Contract {
    /// How a response differs from what the operation declares.
    pub(super) fn violations_of_response(
        &self,
        operation: &Operation,
        exchange: &Exchange,
    ) -> Vec<String> {
        let status = exchange.status.to_string();
        let status = if exchange.is_from_gateway() {
            "default"
        } else {
            &status
        };
        let Some(response) = operation.response(status) else {
            return vec![format!("undeclared status {status}")];
        };
        let mut violations = self.violations_of_headers(response, exchange);
        violations.extend(self.violation_of_body(response, exchange));
        let code = exchange.json()["code"].clone();
        if exchange.status >= 400
            && status != "default"
            && !strings(&response["x-codes"])
                .iter()
                .any(|known| code == *known)
        {
            violations.push(format!("undeclared code {code} with {status}"));
        }
        violations
    }

    fn violations_of_headers(&self, response: &Value, exchange: &Exchange) -> Vec<String> {
        let declared = response["headers"].as_object().into_iter().flatten();
        let violations =
            declared.filter_map(|(name, header)| match exchange.response_header(name) {
                None => {
                    (header["required"] == true).then(|| format!("the header {name} is missing"))
                }
                Some(value) => self
                    .error(&header["schema"], &json!(value))
                    .map(|error| format!("header {name}: {error}")),
            });
        violations.collect()
    }

    fn violation_of_body(&self, response: &Value, exchange: &Exchange) -> Option<String> {
        let Some(media) = response["content"].get("application/json") else {
            return (!exchange.response.is_empty()).then(|| "an undeclared body".to_owned());
        };
        let content_type = exchange.response_header("content-type").unwrap_or_default();
        if content_type.split(';').next() != Some("application/json") {
            return Some(format!("content type {content_type:?}"));
        }
        match serde_json::from_str(&exchange.response) {
            Ok(body) => self
                .error(&media["schema"], &body)
                .map(|error| format!("body: {error}")),
            Err(error) => Some(format!("body: {error}")),
        }
    }

    /// How the response to a path or method that the document does not have differs from what it says of these.
    pub(super) fn violations_of_unknown_route(&self, exchange: &Exchange) -> Vec<String> {
        let operations = self.operations.iter();
        let same_path = operations
            .filter(|operation| path_parameters(&operation.path, exchange.path()).is_some());
        let methods: BTreeSet<_> = same_path
            .map(|operation| operation.method.as_str())
            .collect();
        let expected = match exchange.method {
            _ if methods.is_empty() => 404,
            Method::OPTIONS => 204,
            _ => 405,
        };
        let mut violations = Vec::new();
        if exchange.status != expected && !exchange.is_from_gateway() {
            violations.push(format!(
                "{} {} is not in the document, but {}",
                exchange.method,
                exchange.path(),
                exchange.status
            ));
        }
        let code = exchange.json()["code"].clone();
        if exchange.method != Method::HEAD
            && exchange.status >= 400
            && !exchange.is_from_gateway()
            && !self
                .codes_of_unknown_routes(exchange.status)
                .iter()
                .any(|known| code == *known)
        {
            violations.push(format!("undeclared code {code} with {}", exchange.status));
        }
        let allow = exchange.response_header("allow").unwrap_or_default();
        if matches!(exchange.status, 204 | 405)
            && allow.split(", ").collect::<BTreeSet<_>>() != methods
        {
            violations.push(format!(
                "{} has {methods:?}, but Allow is {allow}",
                exchange.path()
            ));
        }
        violations
    }
}
