//! `docs/openapi.yaml` as JSON for readers: with the error codes and rules, which are extensions there, in the
//! descriptions, without links to other documents, and in the order of the source.

use local_stack::{Error, template};
use saphyr::{LoadableYamlNode, Yaml};
use serde_json::Value;

const SOURCE: &str = include_str!("../../../docs/openapi.yaml");

/// Returns the document for an API at this URL.
///
/// # Errors
///
/// If `docs/openapi.yaml` is not valid.
pub fn json(server: &str) -> Result<String, Error> {
    let mut document = template::document(SOURCE)?;
    document["servers"][0]["url"] = server.into();
    describe(&mut document);
    describe_forms(&mut document["components"]["schemas"]);
    remove_links(&mut document);
    let source = Yaml::load_from_str(SOURCE)?;
    let mut json = String::new();
    write(&document, source.first(), &mut json);
    Ok(json)
}

/// Adds the codes of errors to the descriptions of responses, and the rules to those of operations.
fn describe(document: &mut Value) {
    let explained = document["x-error-codes"].clone();
    let shared = document["components"]["responses"].clone();
    for response in members(&mut document["components"]["responses"]) {
        let codes = response["x-codes"].clone();
        explain_codes(response, &codes, &explained);
    }
    let operations = members(&mut document["paths"]).flat_map(members);
    for operation in operations.filter(|member| member.is_object()) {
        let codes = operation["x-errors"].clone();
        for (status, codes) in codes.as_object().into_iter().flatten() {
            let response = &mut operation["responses"][status];
            let reference = response["$ref"].as_str().unwrap_or_default();
            if let Some(name) = reference.strip_prefix("#/components/responses/") {
                *response = shared[name].clone();
            }
            explain_codes(response, codes, &explained);
        }
        let rules: Vec<_> = array(&operation["x-rules"]).map(rule).collect();
        if !rules.is_empty() {
            let text = description(operation);
            operation["description"] = format!("{text}\n\nRules:\n\n{}", rules.join("\n"))
                .trim()
                .into();
        }
    }
}

/// Gives the fields of a form the descriptions of those of the JSON object.
fn describe_forms(schemas: &mut Value) {
    let of_json = schemas.clone();
    for (name, form) in schemas.as_object_mut().into_iter().flatten() {
        let Some(name) = name.strip_suffix("Form") else {
            continue;
        };
        for (field, schema) in form["properties"].as_object_mut().into_iter().flatten() {
            let field = field.strip_suffix("[]").unwrap_or(field);
            let described = &of_json[name]["properties"][field]["description"];
            if described.is_string() {
                schema["description"] = described.clone();
            }
        }
    }
}

/// Replaces links to other documents, which only the repository has, by their text, in all descriptions and rules.
fn remove_links(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text)
                        if ["description", "rule", "when"].contains(&key.as_str()) =>
                    {
                        *text = without_links(text);
                    }
                    _ => remove_links(value),
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(remove_links),
        _ => {}
    }
}

fn without_links(markdown: &str) -> String {
    let (mut text, mut rest) = (String::new(), markdown);
    while let Some((before, after)) = rest.split_once("](") {
        let label = before.rsplit_once('[');
        let (Some((before, label)), Some((target, after))) = (label, after.split_once(')')) else {
            break;
        };
        text.push_str(before);
        let link = format!("[{label}]({target})");
        text.push_str(if target.contains("://") { &link } else { label });
        rest = after;
    }
    text + rest
}

/// Adds the codes of its errors to the description of a response, with when each occurs.
fn explain_codes(response: &mut Value, codes: &Value, explained: &Value) {
    let codes = array(codes).filter_map(Value::as_str);
    let codes: Vec<_> = codes
        .map(|code| {
            let when = explained[code]["when"].as_str().unwrap_or_default();
            format!("- `{code}`: {when}")
        })
        .collect();
    if !codes.is_empty() {
        let text = format!("{}\n\n{}", description(response), codes.join("\n"));
        response["description"] = text.trim().into();
    }
}

/// An item of a list in Markdown.
fn rule(rule: &Value) -> String {
    let text = |name: &str| rule[name].as_str().unwrap_or_default();
    format!("- `{}`: {}", text("param"), text("rule"))
}

fn description(object: &Value) -> &str {
    object["description"].as_str().unwrap_or_default().trim()
}

fn array(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn members(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    let object = value.as_object_mut().into_iter();
    object.flat_map(|object| object.values_mut())
}

/// Writes JSON, with the keys of objects in the order that they have in the source. `Value` sorts them.
fn write(value: &Value, source: Option<&Yaml>, json: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<_> = object.keys().collect();
            keys.sort_by_key(|key| place(source, key));
            json.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                json.push_str(&Value::from(key.as_str()).to_string());
                json.push(':');
                let source = source.and_then(|source| source.as_mapping_get(key));
                write(&object[key], source, json);
            }
            json.push('}');
        }
        Value::Array(list) => {
            json.push('[');
            for (index, item) in list.iter().enumerate() {
                json.push_str(if index == 0 { "" } else { "," });
                let source = source.and_then(|source| source.as_sequence_get(index));
                write(item, source, json);
            }
            json.push(']');
        }
        _ => json.push_str(&value.to_string()),
    }
}

/// The place of a key in a mapping; keys that it does not have come last.
fn place(source: Option<&Yaml>, key: &str) -> usize {
    let mapping = source.and_then(Yaml::as_mapping);
    let place =
        mapping.and_then(|mapping| mapping.keys().position(|name| name.as_str() == Some(key)));
    place.unwrap_or(usize::MAX)
}
