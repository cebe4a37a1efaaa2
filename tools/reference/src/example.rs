//! Examples of objects as JSON.

use saphyr::{Scalar, Yaml};

/// The longest value that is written on one line.
const WIDTH: usize = 100;

/// Formats an object with a line per key. An object in it that has an id is shortened to that.
pub fn json(object: &Yaml) -> String {
    lines(object, 0)
}

fn lines(value: &Yaml, depth: usize) -> String {
    let short = if depth > 0 {
        one_line(value)
    } else {
        String::new()
    };
    if (1..=WIDTH).contains(&short.len()) {
        return short;
    }
    let indent = "  ".repeat(depth + 1);
    let end = "  ".repeat(depth);
    let joined = |parts: Vec<String>| parts.join(&format!(",\n{indent}"));
    match value {
        Yaml::Mapping(mapping) => {
            let keys = mapping.iter().map(|(key, value)| {
                let value = lines(value, depth + 1);
                format!("{}: {value}", one_line(key))
            });
            format!("{{\n{indent}{}\n{end}}}", joined(keys.collect()))
        }
        Yaml::Sequence(list) => {
            let items = list.iter().map(|item| lines(item, depth + 1));
            format!("[\n{indent}{}\n{end}]", joined(items.collect()))
        }
        scalar => one_line(scalar),
    }
}

fn one_line(value: &Yaml) -> String {
    match value {
        Yaml::Mapping(mapping) => {
            if let Some(id) = value.as_mapping_get("id") {
                return format!(r#"{{"id": {}, …}}"#, one_line(id));
            }
            let keys = mapping.iter();
            let keys: Vec<_> = keys
                .map(|(key, value)| format!("{}: {}", one_line(key), one_line(value)))
                .collect();
            format!("{{{}}}", keys.join(", "))
        }
        Yaml::Sequence(list) => {
            let items: Vec<_> = list.iter().map(one_line).collect();
            format!("[{}]", items.join(", "))
        }
        Yaml::Value(Scalar::String(text)) => serde_json::Value::from(text.as_ref()).to_string(),
        Yaml::Value(Scalar::Integer(number)) => number.to_string(),
        Yaml::Value(Scalar::Boolean(boolean)) => boolean.to_string(),
        _ => "null".to_owned(),
    }
}
