//! The types of parameters and keys.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::contract::Contract;

/// Adds the types that a schema allows: `Message.read_at: null`.
pub fn types_of_schema(
    contract: &Contract,
    name: &str,
    schema: &Value,
    types: &mut BTreeSet<String>,
) {
    let name = name_of(schema).unwrap_or(name);
    let schema = contract.resolved(schema);
    match &schema["type"] {
        Value::String(kind) => drop(types.insert(format!("{name}: {kind}"))),
        Value::Array(kinds) => types.extend(
            kinds
                .iter()
                .map(|kind| format!("{name}: {}", kind.as_str().unwrap())),
        ),
        _ => {
            let choices = schema["anyOf"].as_array();
            for choice in choices.unwrap_or_else(|| panic!("{name} has no type")) {
                types_of_schema(contract, name, choice, types);
            }
        }
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        types.insert(format!("{name}: {value}"));
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        types_of_schema(contract, &format!("{name}.{key}"), property, types);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(item) = schema.get(key).filter(|item| item.is_object()) {
            types_of_schema(contract, &format!("{name}[]"), item, types);
        }
    }
}

/// Adds the types that a value has of those that its schema allows.
pub fn types_of_value(
    contract: &Contract,
    name: &str,
    schema: &Value,
    value: &Value,
    types: &mut BTreeSet<String>,
) {
    let name = name_of(schema).unwrap_or(name);
    let schema = contract.resolved(schema);
    let choices = schema["anyOf"].as_array();
    if let Some(choices) = choices.filter(|_| schema.get("type").is_none()) {
        let choice = choices
            .iter()
            .find(|choice| contract.error(choice, value).is_none());
        if let Some(choice) = choice {
            types_of_value(contract, name, choice, value, types);
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    types.insert(format!("{name}: {kind}"));
    if schema.get("enum").is_some() {
        types.insert(format!("{name}: {value}"));
    }
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(key) {
            types_of_value(contract, &format!("{name}.{key}"), property, value, types);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        types_of_value(
            contract,
            &format!("{name}[]"),
            &schema["items"],
            item,
            types,
        );
    }
    if let Some(item) = schema
        .get("additionalProperties")
        .filter(|item| item.is_object())
    {
        for value in value
            .as_object()
            .into_iter()
            .flat_map(|object| object.values())
        {
            types_of_value(contract, &format!("{name}[]"), item, value, types);
        }
    }
}

/// The name of the schema to which a reference refers.
fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}
