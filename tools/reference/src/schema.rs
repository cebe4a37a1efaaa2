//! Schemas in words.

use crate::contract::Node;
use crate::markdown::link;

/// The type: `string`, `array of [contact](#contact)`, `integer or null`.
pub fn kind(schema: Node) -> String {
    kinds(schema).join(" or ")
}

/// The type of a parameter, for which null is the same as absent.
pub fn kind_of_parameter(schema: Node) -> String {
    let mut kinds = kinds(schema);
    kinds.retain(|kind| kind != "`null`");
    kinds.join(" or ")
}

fn kinds(schema: Node) -> Vec<String> {
    let variants = schema.get("anyOf").items().filter(|variant| {
        // Those that only say which properties are required are no types.
        variant.get("type").exists()
    });
    let variants: Vec<_> = variants.flat_map(kinds).collect();
    if !variants.is_empty() {
        return variants;
    }
    if let Some(name) = schema.component().filter(|_| is_object(schema)) {
        return vec![link(name)];
    }
    if let Some(number) = schema.get("const").number() {
        return vec![format!("`{number}`")];
    }
    if schema.get("const").exists() {
        return vec![format!("`{}`", schema.get("const").text())];
    }
    let kind = schema.get("type");
    let mut kinds: Vec<_> = kind.texts().collect();
    if kinds.is_empty() {
        kinds.push(kind.text());
    }
    let is_only_true = schema.get("enum").items().any(Node::is_true);
    let named = kinds.into_iter().map(|kind| match kind {
        "array" => format!("array of {}", plural(schema.get("items"))),
        "boolean" if is_only_true => "`true`".to_owned(),
        "null" => "`null`".to_owned(),
        kind => kind.to_owned(),
    });
    named.collect()
}

fn plural(schema: Node) -> String {
    let kind = kind(schema);
    if kind.starts_with('[') {
        kind // a link
    } else {
        format!("{kind}s")
    }
}

/// The limits: `1 to 100`, `at most 32 characters`. A minimum alone is no limit worth a word.
pub fn limits(schema: Node) -> Option<String> {
    let variant = schema.get("anyOf").items().next();
    if let Some(variant) = variant.filter(|variant| variant.get("type").exists()) {
        return limits(variant);
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        if let Some(most) = schema.get(most).number() {
            return Some(match schema.get(least).number() {
                Some(least) => format!("{least} to {most}{unit}"),
                None => format!("at most {most}{unit}"),
            });
        }
    }
    None
}

/// Whether it is an object of the API that has a section: those with an id, and those marked `x-section`.
pub fn is_object(schema: Node) -> bool {
    schema.get("properties").get("id").exists() || schema.get("x-section").exists()
}
