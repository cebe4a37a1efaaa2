//! That docs/openapi.yaml agrees with the code, without a running API. Each check returns what is wrong with a document,
//! so that a changed one can be checked as well.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use local_stack::template::Template;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use shared::attachment::{AttachmentIds, FileSize, FileType, Filename};
use shared::contact::{AvatarUrl, ExternalId, Mention, PhoneNumber, Username};
use shared::conversation::{MAX_UNREAD, Name, Participants};
use shared::id::{AttachmentId, WebhookId};
use shared::message::{MAX_EDITS, Text};
use shared::metadata::MetadataUpdate;
use shared::page::Limit;
use shared::report::Remark;
use shared::time::{Micros, Seconds, TimeBound};
use shared::token::{Label, Lifetime};
use shared::webhook::{DeliveryId, DeliveryIds};

use crate::harness::contract::{Contract, Exchange, document, operations, strings};

#[test]
fn the_operations_are_those_of_the_template() {
    assert_eq!(wrong_operations(&document()), [""; 0]);
}

#[test]
fn the_error_codes_are_those_of_the_code() {
    assert_eq!(wrong_codes(&document()), [""; 0]);
}

#[test]
fn the_limits_are_those_of_the_code() {
    assert_eq!(wrong_limits(&document()), [""; 0]);
}

#[test]
fn every_key_of_a_response_is_required() {
    assert_eq!(optional_keys(&document()), [""; 0]);
}

/// `sam local` decodes a slash in an id, and then finds no route.
#[test]
fn only_an_id_with_a_slash_may_be_an_unknown_route() {
    let contract = Contract::new(document());
    let error = json!({
        "type": "invalid_request", "code": "route_not_found", "message": "no such route", "param": null,
        "request_id": "225c3869-a4d9-4da4-88c0-edf1435f4a89",
    });
    for (id, is_allowed) in [("a%2Fb", true), ("..%2f..", true), ("ab", false)] {
        let exchange = Exchange {
            method: Method::GET,
            target: format!("/v1/messages/{id}"),
            headers: Vec::new(),
            body: Vec::new(),
            status: 404,
            response_headers: HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (
                    HeaderName::from_static("x-request-id"),
                    HeaderValue::from_static("225c3869-a4d9-4da4-88c0-edf1435f4a89"),
                ),
            ]),
            response: error.to_string(),
        };
        let violations = contract.violations(&exchange);
        assert_eq!(violations.is_empty(), is_allowed, "{id}: {violations:?}");
    }
}

#[test]
fn the_examples_fit_their_schemas() {
    let contract = Contract::new(document());
    let mut examples = 0;
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_eq!(contract.error(schema, example), None, "{name}: {example}");
            examples += 1;
        }
    }
    assert!(examples > 20, "{examples}");
    for operation in contract.operations() {
        for (_, schema) in &operation.bodies {
            let example = contract.resolved(schema).get("examples");
            assert!(
                example.is_some(),
                "{} has no example of {schema}",
                operation.id
            );
        }
        for parameter in &operation.parameters {
            if let Some(example) = parameter.get("example") {
                assert_eq!(
                    contract.error(&parameter["schema"], example),
                    None,
                    "{parameter}"
                );
            }
        }
    }
}

/// A validator ignores a keyword that it does not know, such as `maxlength`.
#[test]
fn every_keyword_of_a_schema_is_known() {
    let document = document();
    let named = document["components"]["schemas"].as_object().unwrap();
    let inline = all(&document).filter_map(|(_, object)| object.get("schema"));
    let unknown: Vec<_> = named
        .values()
        .chain(inline)
        .flat_map(unknown_keywords)
        .collect();
    assert_eq!(unknown, [""; 0]);
}

/// The keywords of a schema, and of those in it, that the document does not use elsewhere.
fn unknown_keywords(schema: &Value) -> Vec<String> {
    let mut unknown = Vec::new();
    for (keyword, value) in schema.as_object().unwrap() {
        match (keyword.as_str(), value) {
            ("properties" | "patternProperties", Value::Object(schemas)) => {
                unknown.extend(schemas.values().flat_map(unknown_keywords));
            }
            ("anyOf", Value::Array(schemas)) => {
                unknown.extend(schemas.iter().flat_map(unknown_keywords));
            }
            ("items" | "additionalProperties", schema @ Value::Object(_)) => {
                unknown.extend(unknown_keywords(schema));
            }
            ("additionalProperties", Value::Bool(_))
            | (
                "$ref" | "const" | "default" | "description" | "enum" | "examples" | "format"
                | "maxItems" | "maxLength" | "maxProperties" | "maximum" | "minItems" | "minLength"
                | "minProperties" | "minimum" | "pattern" | "required" | "type" | "x-section",
                _,
            ) => {}
            _ => unknown.push(format!("{keyword} in {schema}")),
        }
    }
    unknown
}

#[test]
fn every_schema_parameter_header_and_response_is_used() {
    let document = document();
    let references = references(&document);
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(
                kind == "securitySchemes" || references.contains(&reference),
                "{reference}"
            );
        }
    }
    for reference in references {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
    let ids: Vec<_> = operations(&document)
        .into_iter()
        .map(|operation| operation.id)
        .collect();
    // Not those of webhooks, which the API sends.
    let links = all(&document).filter(|(pointer, _)| pointer.contains("/links/"));
    let links = links.filter_map(|(_, object)| object.get("operationId")?.as_str());
    for link in links {
        assert!(ids.iter().any(|id| id == link), "a link to {link}");
    }
}

/// All references in a document.
fn references(document: &Value) -> BTreeSet<String> {
    let references = all(document).filter_map(|(_, object)| object["$ref"].as_str());
    references.map(str::to_owned).collect()
}

/// All objects in a document, each with its pointer.
fn all(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let mut found = Vec::new();
    let mut left = vec![(String::new(), document)];
    while let Some((pointer, value)) = left.pop() {
        match value {
            Value::Object(object) => {
                let values = object.iter();
                left.extend(values.map(|(key, value)| {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    (format!("{pointer}/{key}"), value)
                }));
                found.push((pointer, value));
            }
            Value::Array(list) => {
                let values = list.iter().enumerate();
                left.extend(values.map(|(index, value)| (format!("{pointer}/{index}"), value)));
            }
            _ => {}
        }
    }
    found.into_iter()
}

/// Operations that template and document do not have in common: `create-message POST /v1/messages`.
pub fn wrong_operations(document: &Value) -> Vec<String> {
    let template = Template::embedded().unwrap();
    let functions = template.functions.iter().flat_map(|function| {
        let routes = function.routes.iter().filter(|route| *route != "$default");
        routes.map(|route| format!("{} {route}", function.binary))
    });
    let functions: BTreeSet<_> = functions.collect();
    let operations = operations(document).into_iter();
    let operations = operations.map(|operation| {
        format!(
            "{} {} {}",
            in_kebab_case(&operation.id),
            operation.method,
            operation.path
        )
    });
    let operations = operations.collect();
    functions
        .symmetric_difference(&operations)
        .cloned()
        .collect()
}

/// Converts `createMessage` to `create-message`.
fn in_kebab_case(id: &str) -> String {
    let mut name = String::new();
    for character in id.chars() {
        if character.is_ascii_uppercase() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

/// Pairs of status and code that code and document do not have in common: `404 message_not_found`.
pub fn wrong_codes(document: &Value) -> Vec<String> {
    let mut declared: BTreeSet<_> = operations(document)
        .iter()
        .flat_map(|operation| &operation.responses)
        .flat_map(|(status, response)| {
            strings(&response["x-codes"])
                .into_iter()
                .map(move |code| format!("{status} {code}"))
        })
        .collect();
    for (status, codes) in document["x-errors"].as_object().unwrap() {
        declared.extend(
            strings(codes)
                .into_iter()
                .map(|code| format!("{status} {code}")),
        );
    }
    declared
        .symmetric_difference(&codes_of_the_code())
        .cloned()
        .collect()
}

/// The pairs in `status_and_code`, of which the only strings are the codes.
fn codes_of_the_code() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src/http/response.rs");
    let source = fs::read_to_string(path).unwrap();
    let (_, function) = source.split_once("fn status_and_code(").unwrap();
    let (function, _) = function.split_once("\n}\n").unwrap();
    let mut pairs = BTreeSet::new();
    for arm in function.split("StatusCode::").skip(1) {
        let name: String = arm
            .chars()
            .take_while(|character| character.is_ascii_uppercase() || *character == '_')
            .collect();
        let status = (100..600)
            .filter_map(|number| reqwest::StatusCode::from_u16(number).ok())
            .find(|status| {
                let reason = status.canonical_reason().unwrap_or_default();
                reason.to_uppercase().replace(' ', "_") == name
            })
            .unwrap_or_else(|| panic!("{name}"));
        pairs.insert(format!(
            "{} {}",
            status.as_u16(),
            arm.split('"').nth(1).unwrap()
        ));
    }
    pairs
}

/// Limits at which the code does not draw the line.
pub fn wrong_limits(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for (pointer, schema) in all(document) {
        let structural = [
            "schema",
            "items",
            "properties",
            "additionalProperties",
            "examples",
        ];
        let name = pointer
            .split('/')
            .rfind(|part| !structural.contains(part))
            .unwrap_or_default();
        for (key, step) in [
            ("minimum", -1),
            ("minLength", -1),
            ("minItems", -1),
            ("maximum", 1),
            ("maxLength", 1),
            ("maxItems", 1),
        ] {
            // At zero there is nothing below, or nothing at all.
            let Some(limit) = schema[key].as_u64().filter(|limit| *limit > 0) else {
                continue;
            };
            let beyond = limit.checked_add_signed(step).unwrap();
            match (accepts(name, limit), accepts(name, beyond)) {
                (Some(true), Some(false)) => {}
                (None, _) => wrong.push(format!("{pointer}/{key} is not known")),
                _ => wrong.push(format!("{pointer}/{key} is not {limit}")),
            }
        }
    }
    wrong
}

/// Whether the code accepts a number, or a value of this length; `None` for an unknown name.
fn accepts(name: &str, size: u64) -> Option<bool> {
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    let text = |part: &str| part.repeat(length.min(1 << 20));
    let url = || {
        format!(
            "https://{}",
            "x".repeat(length.saturating_sub("https://".len()))
        )
    };
    Some(match name {
        "Limit" | "EventLimit" | "data" => Limit::try_from(size).is_ok(),
        "Edits" => size <= MAX_EDITS,
        "TimeBound" => TimeBound::try_from(size).is_ok(),
        "expires_in" => Lifetime::try_from(size).is_ok(),
        "unread_count" => length <= MAX_UNREAD,
        "Username" | "username" => Username::try_from(text("x")).is_ok(),
        "phone_number" => PhoneNumber::try_from(text("1")).is_ok(),
        "avatar_url" => AvatarUrl::try_from(url()).is_ok(),
        "message" => Text::try_from(text("x")).is_ok(),
        "MetadataValue" => {
            let metadata = json!({"key": text("x")});
            serde_json::from_value::<MetadataUpdate>(metadata).is_ok()
        }
        "Filename" => Filename::try_from(text("x")).is_ok(),
        "FileSize" => FileSize::try_from(size).is_ok(),
        "FileType" => {
            FileType::try_from(format!("a/{}", "b".repeat(length.saturating_sub(2)))).is_ok()
        }
        "attachments" | "AttachmentIds" => {
            let conversation = "xgQQXg3hrtjh7AvZ".parse().unwrap();
            let id = |micros| AttachmentId::new(Micros(micros), conversation);
            AttachmentIds::try_from((0..size).map(id).collect::<Vec<_>>()).is_ok()
        }
        "DeliveryIds" => {
            let id = |seconds| DeliveryId::of_test(WebhookId::random(), Seconds(seconds));
            DeliveryIds::try_from((0..size).map(id).collect::<Vec<_>>()).is_ok()
        }
        "name" => Name::try_from(text("x")).is_ok(),
        "ExternalId" | "external_id" => ExternalId::try_from(text("x")).is_ok(),
        "reason" | "resolution" => Remark::try_from(text("x")).is_ok(),
        "label" => Label::try_from(text("x")).is_ok(),
        "Participants" => {
            let mention = || Mention::try_from("KevinMcCallister".to_owned()).unwrap();
            Participants::try_from((0..size).map(|_| mention()).collect::<Vec<_>>()).is_ok()
        }
        _ => return None,
    })
}

/// Keys of responses that may be absent.
pub fn optional_keys(document: &Value) -> Vec<String> {
    let mut optional = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        // Those of requests do not allow other keys.
        if schema["type"] != "object" || schema.get("additionalProperties").is_some() {
            continue;
        }
        let required = strings(&schema["required"]);
        let keys = schema["properties"].as_object().unwrap().keys();
        let missing = keys.filter(|key| !required.contains(&key.as_str()));
        optional.extend(missing.map(|key| format!("{name}.{key}")));
    }
    optional
}
