//! The attributes that an update names, which the condition key `dynamodb:Attributes` is about: those of its
//! key, its update expression and its condition.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html>

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::operation::update_item::UpdateItemInput;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update,
};

/// Stands for all attributes of an item, which an update can return.
pub const ALL: &str = "all attributes";

const KEYWORDS: [&str; 9] = [
    "ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET",
];

/// The attributes that an update names or returns.
pub fn of_update_item(input: &UpdateItemInput) -> BTreeSet<String> {
    let returns_none_else = input.return_values.as_ref().is_none_or(|values| {
        matches!(
            values,
            ReturnValue::None | ReturnValue::UpdatedOld | ReturnValue::UpdatedNew
        )
    });
    let on_failure = input.return_values_on_condition_check_failure.as_ref();
    let expressions = [&input.update_expression, &input.condition_expression];
    named(
        input.key.as_ref(),
        expressions.into_iter().flatten(),
        input.expression_attribute_names.as_ref(),
        returns_none_else && returns_none_on_failure(on_failure),
    )
}

/// The attributes that an update in a transaction names or returns.
pub fn of_update(update: &Update) -> BTreeSet<String> {
    let on_failure = update.return_values_on_condition_check_failure.as_ref();
    let expressions = [
        Some(&update.update_expression),
        update.condition_expression.as_ref(),
    ];
    named(
        Some(&update.key),
        expressions.into_iter().flatten(),
        update.expression_attribute_names.as_ref(),
        returns_none_on_failure(on_failure),
    )
}

/// No condition key is documented for this parameter, so it is treated as `ReturnValues`.
fn returns_none_on_failure(values: Option<&ReturnValuesOnConditionCheckFailure>) -> bool {
    values.is_none_or(|values| *values == ReturnValuesOnConditionCheckFailure::None)
}

fn named<'a>(
    key: Option<&HashMap<String, AttributeValue>>,
    expressions: impl Iterator<Item = &'a String>,
    names: Option<&HashMap<String, String>>,
    returns_none_else: bool,
) -> BTreeSet<String> {
    let mut attributes: BTreeSet<String> =
        key.into_iter().flat_map(HashMap::keys).cloned().collect();
    attributes.extend(expressions.flat_map(|expression| in_expression(expression, names)));
    // `used:*` is the only kind of pattern in the template: all attributes with this prefix.
    let attributes = attributes.into_iter();
    let mut attributes: BTreeSet<_> = attributes
        .map(|attribute| match attribute.split_once(':') {
            Some((prefix, _)) => format!("{prefix}:*"),
            None => attribute,
        })
        .collect();
    if !returns_none_else {
        attributes.insert(ALL.to_owned());
    }
    attributes
}

/// The top-level attributes in an update expression or a condition.
fn in_expression(expression: &str, names: Option<&HashMap<String, String>>) -> BTreeSet<String> {
    let is_word = |char: char| char.is_ascii_alphanumeric() || "_#:".contains(char);
    let mut attributes = BTreeSet::new();
    let mut rest = expression;
    let mut is_nested = false;
    while let Some(start) = rest.find(is_word) {
        is_nested |= rest[..start].ends_with('.');
        let word_and_rest = &rest[start..];
        let end = word_and_rest.find(|char| !is_word(char));
        let (word, after) = word_and_rest.split_at(end.unwrap_or(word_and_rest.len()));
        let is_function = after.trim_start().starts_with('(');
        let is_keyword = KEYWORDS.contains(&word.to_ascii_uppercase().as_str());
        let is_value = word.starts_with(|char: char| char == ':' || char.is_ascii_digit());
        if !is_nested && !is_function && !is_keyword && !is_value {
            let attribute = names.and_then(|names| names.get(word));
            attributes.insert(attribute.map_or(word, String::as_str).to_owned());
        }
        rest = after;
        is_nested = false;
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attributes_of_an_expression_are_its_top_level_names() {
        for (expression, expected) in [
            (
                "SET a = :a, b = if_not_exists(c, :b) REMOVE d ADD e :one DELETE f :set",
                "a b c d e f",
            ),
            (
                "attribute_not_exists (a) AND (b <= :b OR NOT contains(c, :c))",
                "a b c",
            ),
            ("a BETWEEN :x AND :y and b in (:x, :y)", "a b"),
            ("size(a.b[0].c) > :1 AND x.set = :2", "a x"),
            ("#r = :r AND #x.y = :x", "reaction x"),
            ("", ""),
        ] {
            let names = [("#r", "reaction"), ("#x", "x")];
            let names = names.map(|(name, attribute)| (name.to_owned(), attribute.to_owned()));
            let found = in_expression(expression, Some(&names.into()));
            let found: Vec<_> = found.into_iter().collect();
            assert_eq!(found.join(" "), expected, "{expression}");
        }
    }

    #[test]
    fn an_update_that_returns_more_than_it_updates_needs_all_attributes() {
        let update = || {
            UpdateItemInput::builder()
                .key("id", AttributeValue::S("1".to_owned()))
                .update_expression("SET a = :a")
        };
        let returning = |values| update().return_values(values);
        let on_failure = ReturnValuesOnConditionCheckFailure::AllOld;
        let returning_on_failure = update().return_values_on_condition_check_failure(on_failure);
        for (update, expected) in [
            (update(), &["a", "id"][..]),
            (returning(ReturnValue::None), &["a", "id"]),
            (returning(ReturnValue::UpdatedOld), &["a", "id"]),
            (returning(ReturnValue::UpdatedNew), &["a", "id"]),
            (
                returning(ReturnValue::AllOld),
                &["a", "all attributes", "id"],
            ),
            (
                returning(ReturnValue::AllNew),
                &["a", "all attributes", "id"],
            ),
            (returning_on_failure, &["a", "all attributes", "id"]),
        ] {
            let attributes = of_update_item(&update.build().unwrap()).into_iter();
            assert_eq!(attributes.collect::<Vec<_>>(), expected);
        }
    }
}
