//! The reference of the endpoints, `docs/endpoints.md`, from the contract, `docs/openapi.yaml`.

mod contract;
mod example;
mod markdown;
mod schema;

use std::error::Error;

use contract::{Node, Operation};
use markdown::{anchor, codes, first_sentence, link, table, title};
use saphyr::{LoadableYamlNode, Yaml};
use schema::{is_object, kind, kind_of_parameter, limits};

const INTRODUCTION: &str = "\
<!-- Generated from openapi.yaml by `cargo reference`. To change it, change openapi.yaml. -->

# Endpoints

Every endpoint with its parameters, responses and an example, the [objects](#objects) in the responses, and the
[errors](#errors).
[api.md](api.md) has what applies to all endpoints: [requests](api.md#requests), [responses](api.md#responses),
[authentication](api.md#authentication), [who may do what](api.md#who-may-do-what),
[limits](api.md#limits). [guide.md](guide.md) shows how to use them together; [openapi.yaml](openapi.yaml) is the same
for programs.

";

const CONVENTIONS: &str = "\
The operation is the name of the function in `functions/` and in the [log](operations.md#logs).

The tables have the names of parameters in JSON. In a [form](api.md#requests), a list is sent item by item:
`participants[]=ann`.

The examples run from top to bottom against a newly started `cargo dev`, after

    API=http://127.0.0.1:3000

Responses are shown without the headers that every response has, formatted and shortened with `…`. What you create gets
another id: put it in place of the one that is shown, in the examples that follow. Send the `DELETE` requests last, as other
examples use what they delete. The last one is 404, because the one before it revokes all other tokens.

";

/// Returns the text of `docs/endpoints.md` for the text of `docs/openapi.yaml`.
///
/// # Errors
///
/// If the contract is not valid YAML.
pub fn endpoints_md(contract: &str) -> Result<String, Box<dyn Error>> {
    let documents = Yaml::load_from_str(contract)?;
    let contract = Node::root(documents.first().ok_or("the contract is empty")?);
    let operations = Operation::all(contract);
    let common = Common::of(&operations);
    let mut text = INTRODUCTION.to_owned();
    text += &table_of_endpoints(&operations);
    text += CONVENTIONS;
    text += &common.section();
    for tag in contract.get("tags").items() {
        text += &tag_section(tag, &operations, &common);
    }
    text += &objects_section(contract);
    text += &errors_section(contract, &operations)?;
    Ok(text.trim_end().replace("](endpoints.md#", "](#") + "\n")
}

fn table_of_endpoints(operations: &[Operation]) -> String {
    let rows = operations.iter().map(|operation| {
        vec![
            format!("[`{}`](#{})", route(operation), anchor(operation.summary())),
            first_sentence(operation.node.description()),
            format!(
                "`{}`",
                in_kebab_case(operation.node.get("operationId").text())
            ),
        ]
    });
    table(
        &["endpoint", "does", "operation"],
        &rows.collect::<Vec<_>>(),
    )
}

/// `GET /v1/messages/:id`
fn route(operation: &Operation) -> String {
    let path = operation.path.replace('{', ":").replace('}', "");
    format!("{} {path}", operation.method)
}

/// The errors, by status and code, that many endpoints have.
struct Common<'a> {
    all: Vec<(&'a str, &'a str)>,
    for_contacts: Vec<(&'a str, &'a str)>,
    with_body: Vec<(&'a str, &'a str)>,
}

impl<'a> Common<'a> {
    fn of(operations: &[Operation<'a>]) -> Self {
        let all = shared(operations.iter());
        let with_body = shared(operations.iter().filter(|operation| operation.has_body()));
        let with_body = with_body.into_iter().filter(|error| !all.contains(error));
        let for_contacts = shared(
            operations
                .iter()
                .filter(|operation| is_for_contacts_only(operation)),
        );
        let for_contacts = for_contacts
            .into_iter()
            .filter(|error| !all.contains(error));
        Self {
            with_body: with_body.collect(),
            for_contacts: for_contacts.collect(),
            all,
        }
    }

    fn section(&self) -> String {
        let rows = |errors: &[(&str, &str)], endpoints: &str| -> Vec<Vec<String>> {
            let by_status = by_status(errors).into_iter();
            by_status
                .map(|(status, codes)| vec![status.to_owned(), codes, endpoints.to_owned()])
                .collect()
        };
        let mut all = rows(&self.all, "all");
        let for_contacts = "those that a server key cannot use for itself";
        all.extend(rows(&self.for_contacts, for_contacts));
        all.extend(rows(&self.with_body, "with a body"));
        format!(
            "These [errors](#errors) are not repeated below:\n\n{}",
            table(&["status", "code", "endpoints"], &all)
        )
    }

    /// The errors of an operation that are not common.
    fn others(&self, operation: &Operation<'a>) -> Vec<(&'a str, &'a str)> {
        let mut errors = operation.errors();
        errors.retain(|error| {
            let is_of_body = operation.has_body() && self.with_body.contains(error);
            let is_of_contacts =
                is_for_contacts_only(operation) && self.for_contacts.contains(error);
            !is_of_body && !is_of_contacts && !self.all.contains(error)
        });
        errors
    }
}

fn is_for_contacts_only(operation: &Operation) -> bool {
    operation.scopes_of_server_key().is_none()
}

/// Which server keys can use an operation for themselves; empty if none can.
fn server_keys(operation: &Operation) -> String {
    let Some(scopes) = operation.scopes_of_server_key() else {
        return String::new();
    };
    let scopes = codes(scopes.into_iter());
    let key = format!("[server key](api.md#server-keys) with the scope {scopes}");
    if operation.is_for_contacts() {
        format!("For contacts, and for a {key}.\n\n")
    } else {
        format!("For a {key}.\n\n")
    }
}

/// The errors that all of these operations have.
fn shared<'a: 'b, 'b>(
    mut operations: impl Iterator<Item = &'b Operation<'a>>,
) -> Vec<(&'a str, &'a str)> {
    let mut errors = operations.next().map(Operation::errors).unwrap_or_default();
    for operation in operations {
        let of_operation = operation.errors();
        errors.retain(|error| of_operation.contains(error));
    }
    errors
}

/// The codes of each status.
fn by_status<'a>(errors: &[(&'a str, &'a str)]) -> Vec<(&'a str, String)> {
    let of_status = errors.chunk_by(|(status, _), (next, _)| status == next);
    let of_status = of_status.map(|errors| {
        let (status, _) = errors[0];
        (status, codes(errors.iter().map(|(_, code)| *code)))
    });
    of_status.collect()
}

/// The section of a tag, with those of its operations.
fn tag_section(tag: Node, operations: &[Operation], common: &Common) -> String {
    let name = tag.get("name").text();
    let operations = operations
        .iter()
        .filter(|operation| operation.node.get("tags").texts().any(|tag| tag == name));
    let sections: String = operations
        .map(|operation| operation_section(operation, common))
        .collect();
    format!(
        "## {}\n\n{}\n\n{sections}",
        capitalized(name),
        tag.description()
    )
}

fn operation_section(operation: &Operation, common: &Common) -> String {
    let mut rows: Vec<_> = operation
        .parameters
        .iter()
        .filter_map(|parameter| parameter_row(operation, *parameter))
        .collect();
    let body = operation.body();
    for (name, schema) in body.get("properties").entries() {
        let is_required = body
            .get("required")
            .texts()
            .any(|required| required == name);
        rows.push(row(operation, name, "", schema, schema, is_required));
    }
    format!(
        "### {}\n\n`{}`\n\n{}\n\n{}{}{}{}",
        operation.summary(),
        route(operation),
        operation.node.description(),
        server_keys(operation),
        table(&["parameter", "type", ""], &rows),
        fenced_example(operation),
        table(&["status", "body", ""], &responses(operation, common)),
    )
}

/// The row of a parameter of the path, the query or the headers. An id in the path needs none, unless there is
/// something to say about it.
fn parameter_row(operation: &Operation, parameter: Node) -> Option<Vec<String>> {
    let name = parameter.get("name").text();
    let place = match parameter.get("in").text() {
        "query" => "",
        "path" if parameter.description().is_empty() => return None,
        place => place,
    };
    let is_required = parameter.get("required").is_true() && place != "path";
    let schema = parameter.get("schema");
    Some(row(operation, name, place, parameter, schema, is_required))
}

/// The row of a parameter: its name, its type with limits and default, and its description with its rules.
fn row(
    operation: &Operation,
    name: &str,
    place: &str,
    described: Node,
    schema: Node,
    is_required: bool,
) -> Vec<String> {
    let mut kind = vec![match place {
        "" => kind_of_parameter(schema),
        place => format!("{place}, {}", kind_of_parameter(schema)),
    }];
    kind.extend(limits(schema));
    kind.extend(is_required.then(|| "required".to_owned()));
    let default = schema.get("default");
    if let Some(default) = default.yaml() {
        kind.push(format!("default `{}`", example::json(default)));
    }
    let texts = [described.description()].into_iter();
    let texts: Vec<_> = texts.chain(operation.rules(name)).collect();
    vec![format!("`{name}`"), kind.join(", "), texts.join(" ")]
}

/// The command and the response of the example, each in a block.
fn fenced_example(operation: &Operation) -> String {
    let example = operation.node.get("x-example").text().trim_end();
    match example.split_once("\n\n") {
        Some((command, response)) => {
            format!("```sh\n{command}\n```\n```http\n{response}\n```\n\n")
        }
        None => String::new(),
    }
}

/// The rows of the responses: successes, then the errors that are not common.
fn responses(operation: &Operation, common: &Common) -> Vec<Vec<String>> {
    let responses = operation.node.get("responses").entries();
    let successes = responses.filter(|(status, _)| status.starts_with(['2', '3']));
    let mut rows: Vec<_> = successes
        .map(|(status, response)| {
            let headers = response.get("headers").entries().map(|(name, _)| name);
            let headers = codes(headers.filter(|name| *name != "X-Request-Id"));
            let headers = match headers.as_str() {
                "" => headers,
                names => format!(" Headers: {names}."),
            };
            vec![
                status.to_owned(),
                body_of_response(response),
                format!("{}{headers}", response.description()),
            ]
        })
        .collect();
    for (status, codes) in by_status(&common.others(operation)) {
        rows.push(vec![status.to_owned(), "error".to_owned(), codes]);
    }
    rows
}

fn body_of_response(response: Node) -> String {
    let content = response.get("content").get("application/json");
    let schema = content.get("schema");
    let items = schema.get("properties").get("data").get("items");
    match (schema.component(), items.component()) {
        (_, Some(item)) => format!("[page](api.md#pagination) of {}", link(item)),
        (Some(object), None) => link(object),
        (None, None) => "none".to_owned(),
    }
}

fn objects_section(contract: Node) -> String {
    let schemas = contract.get("components").get("schemas").entries();
    let objects: Vec<_> = schemas.filter(|(_, schema)| is_object(*schema)).collect();
    let sections = objects.iter().enumerate();
    let sections: String = sections
        .map(|(index, (name, schema))| object_section(name, *schema, &objects[..index]))
        .collect();
    format!("## Objects\n\nWhat responses contain. All keys are always present.\n\n{sections}")
}

/// The section of an object, with an example. Of one that has all keys of an earlier one, only the other keys.
fn object_section(name: &str, schema: Node, earlier: &[(&str, Node)]) -> String {
    let mut keys = Vec::new();
    list_keys(schema, "", &mut keys);
    let extended = earlier.iter().find(|(_, other)| {
        let mut names = other.get("properties").entries().map(|(name, _)| name);
        names.all(|name| schema.get("properties").get(name).exists())
    });
    let example = schema.get("examples").items().next().and_then(Node::yaml);
    let introduction = match (extended, example) {
        (Some((other_name, other)), _) => {
            let mut known = Vec::new();
            list_keys(*other, "", &mut known);
            keys.retain(|key| !known.contains(key));
            format!("The keys are those of {}, and:\n\n", link(other_name))
        }
        (None, Some(example)) => format!("```json\n{}\n```\n\n", example::json(example)),
        (None, None) => String::new(),
    };
    format!(
        "### {}\n\n{}\n\n{introduction}{}",
        title(name),
        schema.description(),
        table(&["key", "type", ""], &keys)
    )
}

/// The rows of the keys of an object, and of objects in it that have no section of their own.
fn list_keys(object: Node, prefix: &str, rows: &mut Vec<Vec<String>>) {
    for (name, schema) in object.get("properties").entries() {
        let mut kind = vec![kind(schema)];
        kind.extend(limits(schema));
        rows.push(vec![
            format!("`{prefix}{name}`"),
            kind.join(", "),
            schema.description().to_owned(),
        ]);
        if !is_object(schema) {
            list_keys(schema, &format!("{prefix}{name}."), rows);
        }
    }
}

/// The table of all codes, in the order in which the contract explains them.
fn errors_section(contract: Node, operations: &[Operation]) -> Result<String, Box<dyn Error>> {
    let mut errors: Vec<_> = operations.iter().flat_map(Operation::errors).collect();
    for (status, codes) in contract.get("x-errors").entries() {
        errors.extend(codes.texts().map(|code| (status, code)));
    }
    let explained = contract.get("x-error-codes");
    if let Some((_, code)) = errors
        .iter()
        .find(|(_, code)| !explained.get(code).exists())
    {
        return Err(format!("x-error-codes does not explain {code}").into());
    }
    let mut rows = Vec::new();
    for (code, explanation) in explained.entries() {
        let error = errors.iter().find(|(_, other)| *other == code);
        let (status, _) = error.ok_or(format!("no response has the code {code}"))?;
        rows.push(vec![
            (*status).to_owned(),
            format!("`{code}`"),
            explanation.get("when").text().to_owned(),
            explanation.get("action").text().to_owned(),
        ]);
    }
    Ok(format!(
        "## Errors\n\nThe [error](api.md#errors) in a response has one of these codes.\n\n{}",
        table(&["status", "code", "when", "what to do"], &rows)
    ))
}

/// `create-message` for `createMessage`
fn in_kebab_case(id: &str) -> String {
    let mut name = String::new();
    for character in id.chars() {
        if character.is_uppercase() {
            name.push('-');
        }
        name.extend(character.to_lowercase());
    }
    name
}

fn capitalized(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
