//! The requests that the contract has as examples.

use local_stack::demo;
use local_stack::stack::Stack;
use serde_json::Value;

use crate::harness::contract::{Contract, Operation};
use crate::harness::{Body, Json, Person, serve};

impl Operation {
    /// The path with the example of each parameter.
    pub fn example_path(&self) -> String {
        let mut path = self.path.clone();
        for parameter in self
            .parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
        {
            let name = parameter["name"].as_str().unwrap();
            let example = parameter["example"]
                .as_str()
                .unwrap_or_else(|| panic!("{name} of {} has no example", self.id));
            path = path.replace(&format!("{{{name}}}"), example);
        }
        path
    }

    /// Calls the operation with its examples and this body. Returns the status.
    pub async fn call_with_query(&self, person: &Person, body: impl Into<Body>) -> u16 {
        let target = self.example_target();
        let response = person
            .requests(self.method.clone(), &target, &[], body)
            .await;
        response.status.as_u16()
    }

    /// The path with its examples and, without a body, the query string.
    fn example_target(&self) -> String {
        let path = self.example_path();
        if !self.bodies.is_empty() {
            return path;
        }
        let query = self.parameters.iter();
        let query = query.filter(|parameter| parameter["in"] == "query");
        let query = query.filter_map(|parameter| {
            let name = parameter["name"].as_str()?.to_owned();
            Some((name, parameter.get("example")?.clone()))
        });
        format!("{path}?{}", form(&query.collect()))
    }

    /// The example of each kind of body; one empty body if it takes none.
    pub fn example_bodies(&self, contract: &Contract) -> Vec<Body> {
        let bodies = self.bodies.iter().map(|(kind, schema)| {
            let example = contract.resolved(schema)["examples"][0].clone();
            if kind == "application/json" {
                Json(example).into()
            } else {
                form(&example).into()
            }
        });
        let bodies: Vec<Body> = bodies.collect();
        if bodies.is_empty() {
            vec![().into()]
        } else {
            bodies
        }
    }

    /// Calls the operation with the example of its path and this body. Returns the status.
    pub async fn call(&self, person: &Person, body: impl Into<Body>) -> u16 {
        let response = person
            .requests(self.method.clone(), &self.example_path(), &[], body)
            .await;
        response.status.as_u16()
    }
}

/// A form with these fields.
pub fn form(fields: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.as_object().unwrap() {
        let values = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            form.append_pair(name, &text);
        }
    }
    form.finish()
}

/// Calls each operation as in its examples, as Kevin of the demo data, or with the server key.
pub async fn run_examples(contract: &Contract) {
    for operation in contract.operations() {
        let stack = Stack::start(None).await.unwrap();
        demo::load(&stack.store, &stack.bucket).await.unwrap();
        let url = serve(&stack, &stack.store).await;
        let kevin = Person::new(&url, "kevin", demo::CONVERSATION_ID.parse().unwrap());
        let kevin = kevin.with_token(demo::CONTACTS[0].token);
        let server = kevin.with_token(demo::SERVER_KEY);
        let examples = |place: &str| -> Vec<(&str, &Value)> {
            let parameters = operation.parameters.iter();
            let parameters = parameters.filter(|parameter| parameter["in"] == place);
            parameters
                .filter_map(|parameter| {
                    Some((parameter["name"].as_str()?, parameter.get("example")?))
                })
                .collect()
        };
        let headers: Vec<_> = examples("header")
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap()))
            .collect();
        let target = operation.example_target();
        // The participants of the demo conversation, which has no name, cannot be changed. Tokens and reports have random ids,
        // and there are no webhooks.
        let expected = match operation.id.as_str() {
            "addParticipants" => 403..404,
            "revokeToken"
            | "resolveReport"
            | "getWebhook"
            | "updateWebhook"
            | "deleteWebhook"
            | "rotateWebhookSecret"
            | "testWebhook"
            | "listDeliveries"
            | "replayDeliveries" => 404..405,
            "downloadAttachment" => 302..303,
            _ => 200..300,
        };
        for body in operation.example_bodies(contract) {
            let caller = if operation.is_for_contacts {
                &kevin
            } else {
                &server
            };
            let response = caller
                .requests(operation.method.clone(), &target, &headers, body)
                .await;
            let status = response.status.as_u16();
            assert!(expected.contains(&status), "{}: {response:?}", operation.id);
        }
    }
}
