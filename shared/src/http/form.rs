//! Forms and queries: `application/x-www-form-urlencoded` with brackets, `a[b][]=c`.
//!
//! Stricter than usual parsers: invalid UTF-8, a name used both as a value and as a list or map, and a
//! repeated value are errors that name the parameter.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::params::Value;
use crate::error::Invalid;

/// The deepest nesting of brackets. No parameter needs more than two levels.
const MAX_DEPTH: usize = 4;

/// The most parameters in one form, which bounds the cost of parsing a hostile one.
const MAX_PARAMETERS: usize = 1000;

/// Parses a form or a query string.
pub fn parse(input: &[u8]) -> Result<Value, Invalid> {
    let mut root = Vec::new();
    if input
        .split(|&byte| byte == b'&')
        .nth(MAX_PARAMETERS)
        .is_some()
    {
        return Err(Invalid::Syntax(format!(
            "send at most {MAX_PARAMETERS} parameters"
        )));
    }
    for pair in input
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let equals = pair
            .iter()
            .position(|&byte| byte == b'=')
            .unwrap_or(pair.len());
        let name = decode(&pair[..equals])
            .ok_or_else(|| Invalid::Syntax("the name of a parameter is not UTF-8".to_owned()))?;
        let value = decode(pair.get(equals + 1..).unwrap_or_default())
            .ok_or_else(|| Invalid::value(name.clone(), "must be UTF-8"))?;
        let (first, rest) = split(&name)?;
        insert(entry(&mut root, first), &rest, value, &name)?;
    }
    Ok(Value::Map(root))
}

fn decode(text: &[u8]) -> Option<String> {
    let spaced: Cow<[u8]> = if text.contains(&b'+') {
        text.iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect()
    } else {
        text.into()
    };
    percent_decode(&spaced)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

/// Splits `a[b][]` into `a` and `["b", ""]`.
fn split(name: &str) -> Result<(&str, Vec<&str>), Invalid> {
    let Some((first, brackets)) = name.split_once('[') else {
        return Ok((name, Vec::new()));
    };
    let malformed = || {
        Invalid::Syntax(format!(
            "unbalanced brackets in {name:?}: write a[b] or a[b][]"
        ))
    };
    let segments: Vec<_> = brackets
        .strip_suffix(']')
        .ok_or_else(malformed)?
        .split("][")
        .collect();
    if segments.iter().any(|segment| segment.contains(['[', ']'])) {
        return Err(malformed());
    }
    if segments.len() > MAX_DEPTH {
        return Err(Invalid::Syntax(format!(
            "the brackets of {name:?} are nested deeper than {MAX_DEPTH} levels"
        )));
    }
    Ok((first, segments))
}

fn insert(slot: &mut Value, path: &[&str], value: String, name: &str) -> Result<(), Invalid> {
    let repeated = || Invalid::Repeated {
        param: name.to_owned(),
    };
    match path {
        [] if matches!(slot, Value::Null) => *slot = Value::Text(value),
        [""] => match slot {
            Value::Null => *slot = Value::List(vec![Value::Text(value)]),
            Value::List(list) => list.push(Value::Text(value)),
            _ => return Err(repeated()),
        },
        [] => return Err(repeated()),
        ["", ..] => {
            return Err(Invalid::Syntax(format!(
                "empty brackets must be at the end of {name:?}"
            )));
        }
        [key, rest @ ..] => {
            if matches!(slot, Value::Null) {
                *slot = Value::Map(Vec::new());
            }
            let Value::Map(map) = slot else {
                return Err(repeated());
            };
            insert(entry(map, key), rest, value, name)?;
        }
    }
    Ok(())
}

fn entry<'a>(map: &'a mut Vec<(String, Value)>, key: &str) -> &'a mut Value {
    let index = map
        .iter()
        .position(|(known, _)| known == key)
        .unwrap_or_else(|| {
            map.push((key.to_owned(), Value::Null));
            map.len() - 1
        });
    &mut map[index].1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The number of bytes of text in a value, and its depth.
    fn size(value: &Value) -> (usize, usize) {
        match value {
            Value::Text(text) => (text.len(), 0),
            Value::List(list) => list
                .iter()
                .map(size)
                .fold((0, 1), |all, one| (all.0 + one.0, all.1.max(one.1 + 1))),
            Value::Map(map) => map.iter().fold((0, 1), |all, (key, value)| {
                let (bytes, depth) = size(value);
                (all.0 + key.len() + bytes, all.1.max(depth + 1))
            }),
            _ => (0, 0),
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_form_of_bounded_size_or_rejected(
            input in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "[a-c\\[\\]=&%+0-9]{0,200}".prop_map(String::into_bytes),
            ]
        ) {
            if let Ok(value) = parse(&input) {
                let (bytes, depth) = size(&value);
                prop_assert!(bytes <= input.len(), "{value:?}");
                prop_assert!(depth <= MAX_DEPTH + 2, "{value:?}");
            }
        }

        #[test]
        fn an_encoded_form_is_decoded(pairs in prop::collection::btree_map("[a-z_]{1,8}", ".{0,20}", 0..8)) {
            let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let Value::Map(parsed) = parse(form.as_bytes()).unwrap() else {
                panic!("a form is a map");
            };
            let parsed: std::collections::BTreeMap<_, _> = parsed.into_iter().collect();
            let expected = pairs.into_iter().map(|(name, value)| (name, Value::Text(value))).collect();
            prop_assert_eq!(parsed, expected);
        }
    }

    #[test]
    fn deeply_nested_and_long_forms_are_rejected() {
        let deep = format!("a{}=1", "[b]".repeat(50_000));
        assert!(parse(deep.as_bytes()).is_err());
        assert!(parse("&a=1".repeat(50_000).as_bytes()).is_err());
        assert!(parse("[".repeat(200_000).as_bytes()).is_err());
    }
}
