//! The template and the local stack cannot drift apart.

use axum::body::Body;
use axum::extract::Request;
use dev::demo;
use dev::functions;
use dev::gateway::Gateway;
use dev::stack::Stack;
use dev::template::Template;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Whether the local stack starts with another template, and if not, why.
async fn starts_with(template: &str) -> Result<(), String> {
    let store = Stack::start(None).await.unwrap().store;
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    Gateway::new(&template, functions::all(), &store)
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

/// The template's policies, each changed in one place by `change`, and what is said of that.
fn each_policy(change: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let lines: Vec<_> = TEMPLATE.lines().collect();
    let changed = (0..lines.len()).filter_map(|number| {
        let mut lines: Vec<_> = lines.iter().map(|&line| line.to_owned()).collect();
        lines[number] = change(&lines[number])?;
        Some(lines.join("\n"))
    });
    changed.collect()
}

#[tokio::test]
async fn what_the_functions_do_is_what_their_policies_grant() {
    assert_eq!(violations(TEMPLATE).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_too_wide_is_noticed() {
    let wider = each_policy(|line| {
        let (indent, action) = line
            .split_once("Action: ")
            .filter(|_| line.contains("dynamodb:"))?;
        Some(format!("{indent}Action: [{action}, dynamodb:Scan]"))
    });
    assert_eq!(wider.len(), 15, "one for each statement");
    for template in wider {
        let found = violations(&template).await;
        assert!(
            !found.is_empty()
                && found
                    .iter()
                    .all(|violation| violation.contains("unused: dynamodb:Scan")),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn a_policy_too_narrow_is_noticed() {
    let without_action = each_policy(|line| {
        let (indent, action) = line
            .split_once("Action: ")
            .filter(|_| line.contains("dynamodb:"))?;
        Some(format!(
            "{indent}Action: [{}]",
            action.replace("dynamodb:", "dynamodb:No")
        ))
    });
    let without_a_table = (0..3).flat_map(|nth| {
        each_policy(|line| {
            let (before, list) = line.split_once("Resource: [")?;
            let mut tables: Vec<_> = list.trim_end_matches(']').split(", ").collect();
            (nth < tables.len()).then(|| tables.remove(nth))?;
            Some(format!("{before}Resource: [{}]", tables.join(", ")))
        })
    });
    let narrower: Vec<_> = without_action.into_iter().chain(without_a_table).collect();
    assert_eq!(
        narrower.len(),
        15 + 21,
        "each action, and each table beside another"
    );
    for template in narrower {
        let found = violations(&template).await;
        assert!(
            found.iter().any(|violation| violation.contains("denied")),
            "{found:?}"
        );
    }
}

#[test]
fn a_policy_with_wildcards_is_refused() {
    for (before, after) in [
        ("dynamodb:Query", "dynamodb:*"),
        ("!GetAtt ContactsTable.Arn", "\"*\""),
    ] {
        let changed = TEMPLATE.replacen(before, after, 1);
        assert!(Template::parse(&changed).is_err(), "{after}");
    }
}

/// Does all that there is to do under the policies of `template`; what was denied, and what was
/// granted and not needed.
async fn violations(template: &str) -> Vec<String> {
    let stack = Stack::start(None).await.unwrap();
    demo::load(&stack.store).await.unwrap();
    let template = Template::parse(template).unwrap();
    let gateway = Gateway::new(&template, functions::all(), &stack.store).unwrap();
    let id = demo::messages().unwrap()[0];
    let conversation = demo::CONVERSATION;
    let mut failures = Vec::new();
    for (method, path, form) in [
        ("GET", "/v1/messages".to_owned(), ""),
        (
            "GET",
            format!("/v1/messages?conversation_id={conversation}"),
            "",
        ),
        (
            "POST",
            "/v1/messages".to_owned(),
            &format!("conversation_id={conversation}&message=hello"),
        ),
        ("GET", format!("/v1/messages/{id}"), ""),
        (
            "PUT",
            format!("/v1/messages/{id}"),
            "message=edited&reactions[heart][]=KevinMcCallister",
        ),
        ("DELETE", format!("/v1/messages/{id}"), ""),
        ("GET", "/".to_owned(), ""),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("host", "localhost")
            .header("authorization", "Bearer citypay_demo_kevin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        let answer = gateway.answer(request).await;
        if answer.status().is_server_error() {
            failures.push(format!("{method} {path}: {}", answer.status()));
        }
    }
    failures.into_iter().chain(gateway.violations()).collect()
}

#[test]
fn rights_from_anywhere_else_are_refused() {
    let role = TEMPLATE.replacen(
        "      Events:",
        "      Role: arn:aws:iam::1:role/admin\n      Events:",
        1,
    );
    assert!(Template::parse(&role).is_err());
    for kind in ["AWS::IAM::Policy", "AWS::Serverless::Connector"] {
        let changed = TEMPLATE.replacen(
            "Resources:\n",
            &format!("Resources:\n  More: {{Type: {kind}}}\n"),
            1,
        );
        assert!(Template::parse(&changed).is_err(), "{kind}");
    }
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
fn cargo_lambda_watch_has_every_route() {
    let manifest = include_str!("../../../Cargo.toml");
    for function in Template::of_this_project().unwrap().functions {
        for route in function.routes.iter().filter(|route| *route != "$default") {
            let (method, path) = route.split_once(' ').unwrap();
            let binary = &function.binary;
            let line =
                format!(r#"{{ path = "{path}", methods = ["{method}"], function = "{binary}" }},"#);
            assert!(manifest.contains(&line), "{line}");
        }
    }
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
