//! The contract, `docs/openapi.yaml`, and whether an exchange keeps it.

mod exchange;
mod request;
mod response;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::{Draft, Validator};
use local_stack::template;
use reqwest::Method;
use serde_json::{Value, json};

use exchange::remember;
pub use exchange::{Exchange, record};

/// The contract, with its schemas compiled as they are needed.
pub struct Contract {
    document: Value,
    operations: Vec<Operation>,
    /// By schema.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation, with the references in it resolved.
pub struct Operation {
    /// The `operationId`.
    pub id: String,
    /// The method.
    pub method: Method,
    /// The path, with parameters like `{id}`.
    pub path: String,
    /// Those of the path, too.
    pub parameters: Vec<Value>,
    /// By media type, the schema of the body. Empty if the operation takes none.
    pub bodies: Vec<(String, Value)>,
    /// Whether there must be a body.
    pub is_body_required: bool,
    /// By status, and `default`.
    pub responses: Vec<(String, Value)>,
    /// What the schemas cannot say, those of all operations included.
    pub rules: Vec<Rule>,
    /// Whether contacts may use it with a token, and not only the operator's server.
    pub is_for_contacts: bool,
}

/// A rule that a request can break although it fits the schemas.
#[derive(Debug)]
pub struct Rule {
    /// The `code` of the error.
    pub code: String,
    /// The parameter; `None` if it can be any.
    pub param: Option<String>,
}

/// Fails unless the exchange keeps the contract.
#[track_caller]
pub fn verify(exchange: Exchange) {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    let contract = CONTRACT.get_or_init(|| Contract::new(document()));
    let violations = contract.violations(&exchange);
    assert!(
        violations.is_empty(),
        "not as in docs/openapi.yaml:\n  {}\n{exchange:?}",
        violations.join("\n  ")
    );
    remember(exchange);
}

/// The document as JSON.
pub fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.yaml");
    template::document(&std::fs::read_to_string(path).unwrap()).unwrap()
}

impl Contract {
    /// The contract that this document describes.
    pub fn new(mut document: Value) -> Self {
        for schema in document["components"]["schemas"]
            .as_object_mut()
            .unwrap()
            .values_mut()
        {
            close(schema);
        }
        let operations = operations(&document);
        Self {
            document,
            operations,
            validators: Mutex::default(),
        }
    }

    /// All operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The codes that the document lists for paths and methods that it does not have.
    fn codes_of_unknown_routes(&self, status: u16) -> Vec<&str> {
        strings(&self.document["x-errors"][status.to_string()])
    }

    /// Whether the response is that to a path that is not in the document.
    fn is_unknown_route(&self, exchange: &Exchange) -> bool {
        let codes = self.codes_of_unknown_routes(exchange.status);
        codes.iter().any(|code| exchange.json()["code"] == *code)
    }

    /// The operation of an exchange.
    pub fn operation_of(&self, exchange: &Exchange) -> Option<&Operation> {
        let mut operations = self.operations.iter();
        operations.find(|operation| {
            let is_path = operation.path_parameters(exchange).is_some();
            is_path && operation.method == exchange.method
        })
    }

    /// How an exchange breaks the contract; empty if it does not.
    pub fn violations(&self, exchange: &Exchange) -> Vec<String> {
        let Some(operation) = self.operation_of(exchange) else {
            return self.violations_of_unknown_route(exchange);
        };
        if exchange.has_slash_in_id() && self.is_unknown_route(exchange) {
            return Vec::new(); // API Gateway has decoded the slash, and then found no route
        }
        let mut violations = self.violations_of_response(operation, exchange);
        let problem = self.problem_of_request(operation, exchange);
        match (exchange.status, problem) {
            (..400, Some(problem)) => {
                violations.push(format!("accepted, although {problem}"));
            }
            (400, None)
                if !exchange.is_from_gateway()
                    && !operation.rules.iter().any(|rule| rule.is_for(exchange)) =>
            {
                violations.push(
                    "refused, although the request fits the schemas and breaks no rule".to_owned(),
                );
            }
            _ => {}
        }
        for violation in &mut violations {
            violation.insert_str(0, &format!("{}: ", operation.id));
        }
        violations
    }

    /// Returns the first error of a value; `None` if the schema allows it.
    pub fn error(&self, schema: &Value, value: &Value) -> Option<String> {
        let validator = self.validator(schema);
        let error = validator.iter_errors(value).next()?;
        Some(format!("{error} at {}", error.instance_path()))
    }

    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let compile = || {
            // References resolve in the root of the schema.
            let mut root = schema.clone();
            root["components"] = json!({"schemas": self.document["components"]["schemas"]});
            let options = jsonschema::options().with_draft(Draft::Draft202012);
            Arc::new(
                options
                    .build(&root)
                    .unwrap_or_else(|error| panic!("{error} in {schema}")),
            )
        };
        validators
            .entry(schema.to_string())
            .or_insert_with(compile)
            .clone()
    }

    /// The schema that a reference means.
    pub fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        resolve(&self.document, schema)
    }
}

impl Operation {
    /// The values in the path, by name; `None` if it is another path.
    fn path_parameters<'a>(&'a self, exchange: &'a Exchange) -> Option<Vec<(&'a str, &'a str)>> {
        path_parameters(&self.path, exchange.path())
    }

    /// The response of a status.
    pub fn response(&self, status: &str) -> Option<&Value> {
        let found = self
            .responses
            .iter()
            .find(|(declared, _)| declared == status);
        found.map(|(_, response)| response)
    }
}

fn path_parameters<'a>(pattern: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (pattern, path) = (pattern.split('/'), path.split('/'));
    if pattern.clone().count() != path.clone().count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (expected, given) in pattern.zip(path) {
        match expected
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) if !given.is_empty() => parameters.push((name, given)),
            None if expected == given => {}
            _ => return None,
        }
    }
    Some(parameters)
}

/// Forbids other keys in the objects of a response. The document allows them, so that clients ignore new keys.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(close);
            if object.get("type") == Some(&json!("object")) && object.contains_key("properties") {
                object.entry("additionalProperties").or_insert(json!(false));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// The operations of a document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let of_path = item["parameters"].as_array();
        for (method, operation) in item.as_object().unwrap() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else {
                continue;
            };
            if operation.is_array() {
                continue; // the parameters of the path
            }
            let parameters = of_path
                .into_iter()
                .chain(operation["parameters"].as_array())
                .flatten();
            let rules = document["x-rules"]
                .as_array()
                .into_iter()
                .chain(operation["x-rules"].as_array());
            let content = operation["requestBody"]["content"].as_object();
            let security = operation.get("security").unwrap_or(&document["security"]);
            let mut security = security.as_array().unwrap().iter();
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method,
                path: path.clone(),
                parameters: parameters
                    .map(|parameter| resolve(document, parameter).clone())
                    .collect(),
                bodies: content
                    .into_iter()
                    .flatten()
                    .map(|(kind, media)| (kind.clone(), media["schema"].clone()))
                    .collect(),
                is_body_required: operation["requestBody"]["required"] == true,
                responses: responses(document, operation),
                rules: rules.flatten().map(Rule::new).collect(),
                is_for_contacts: security.any(|scheme| scheme.get("token").is_some()),
            });
        }
    }
    operations
}

/// The responses of an operation, with references resolved and the codes of the operation as `x-codes`.
fn responses(document: &Value, operation: &Value) -> Vec<(String, Value)> {
    let responses = operation["responses"].as_object().unwrap().iter();
    let responses = responses.map(|(status, response)| {
        let mut response = resolve(document, response).clone();
        if let Some(codes) = operation["x-errors"].get(status) {
            response["x-codes"] = codes.clone();
        }
        for header in response["headers"]
            .as_object_mut()
            .into_iter()
            .flat_map(|headers| headers.values_mut())
        {
            *header = resolve(document, header).clone();
        }
        (status.clone(), response)
    });
    responses.collect()
}

impl Rule {
    fn new(rule: &Value) -> Self {
        Self {
            code: rule["code"].as_str().unwrap().to_owned(),
            param: rule["param"].as_str().map(str::to_owned),
        }
    }

    /// Whether a refused request has broken this rule.
    pub fn is_for(&self, exchange: &Exchange) -> bool {
        let error = exchange.json();
        let param = error["param"].as_str().unwrap_or_default();
        let is_same = |named: &str| {
            let rest = param.strip_prefix(named);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        error["code"] == self.code && self.param.as_deref().is_none_or(is_same)
    }
}

fn resolve<'a>(document: &'a Value, object: &'a Value) -> &'a Value {
    let Some(reference) = object["$ref"].as_str() else {
        return object;
    };
    let pointer = reference.strip_prefix('#').unwrap();
    let target = document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{reference}"));
    resolve(document, target)
}

/// The strings of a list; none if it is something else.
pub fn strings(list: &Value) -> Vec<&str> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}
