//! The template and the local stack cannot drift apart.

use dev::functions;
use dev::gateway::Gateway;
use dev::stack::Stack;
use dev::template::Template;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Whether the local stack starts with another template, and if not, why.
async fn starts_with(template: &str) -> Result<(), String> {
    let store = Stack::start(None).await.unwrap().store;
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    Gateway::new(&template, functions::all(), store)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_template_of_this_project_fits() {
    assert_eq!(starts_with(TEMPLATE).await, Ok(()));
}

#[tokio::test]
async fn a_function_without_a_handler_is_an_error_at_start() {
    let changed = TEMPLATE.replace("{Binary: get-message}", "{Binary: fetch-message}");
    let error = starts_with(&changed).await.unwrap_err();
    assert!(error.contains("fetch-message"), "{error}");
}

#[tokio::test]
async fn a_handler_without_a_function_is_an_error_at_start() {
    let (before, rest) = TEMPLATE.split_once("  DeleteMessage:\n").unwrap();
    let (_, after) = rest.split_once("  UnknownRoute:").unwrap();
    let error = starts_with(&format!("{before}  UnknownRoute:{after}"))
        .await
        .unwrap_err();
    assert!(error.contains("delete-message"), "{error}");
}

#[test]
fn a_variable_that_refers_to_no_table_is_an_error() {
    let changed = TEMPLATE.replace("!Ref InboxTable", "!Ref OutboxTable");
    let error = Template::parse(&changed).unwrap_err().to_string();
    assert!(error.contains("INBOX_TABLE"), "{error}");
}

#[test]
fn tables_have_the_keys_of_the_template() {
    let template = Template::of_this_project().unwrap();
    assert_eq!(template.tables.len(), 6);
    let keys = template.tables["MessagesTable"].key_schema.to_string();
    assert!(
        keys.contains("conversation_id") && keys.contains("created_at"),
        "{keys}"
    );
}

#[test]
fn unknown_route_knows_every_method_of_every_path() {
    let template = Template::of_this_project().unwrap();
    let mut routes: Vec<_> = template
        .functions
        .iter()
        .flat_map(|function| &function.routes)
        .collect();
    routes.retain(|route| *route != "$default");
    let mut known: Vec<_> = unknown_route::ROUTES
        .iter()
        .flat_map(|(path, allow)| {
            allow
                .split(", ")
                .map(|method| format!("{method} {}", path.replace(":id", "{id}")))
        })
        .collect();
    routes.sort();
    known.sort();
    assert_eq!(routes, known.iter().collect::<Vec<_>>());
}
