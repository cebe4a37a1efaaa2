//! The template and the local stack cannot drift apart.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use dev::demo;
use dev::functions;
use dev::gateway::Gateway;
use dev::stack::Stack;
use dev::template::Template;
use serde_json::Value;
use shared::time::{Clock, Micros};

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
    let (_, after) = rest.split_once("  ListConversations:").unwrap();
    let error = starts_with(&format!("{before}  ListConversations:{after}"))
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
fn another_endpoint_than_that_of_the_region_is_an_error() {
    let lines = TEMPLATE.lines();
    let without: Vec<_> = lines
        .filter(|line| !line.contains("DYNAMODB_ENDPOINT"))
        .collect();
    let elsewhere = TEMPLATE.replace("${AWS::URLSuffix}", "amazonaws.com");
    for changed in [without.join("\n"), elsewhere] {
        let error = Template::parse(&changed).unwrap_err().to_string();
        assert!(error.contains("DYNAMODB_ENDPOINT"), "{error}");
    }
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
    let mut statements = 0;
    let wider: Vec<_> = TEMPLATE
        .lines()
        .map(|line| match line.split_once("Action: dynamodb:") {
            Some((indent, action)) => {
                statements += 1;
                format!("{indent}Action: [dynamodb:{action}, dynamodb:Unheard{statements}]")
            }
            None => line.to_owned(),
        })
        .collect();
    let found = violations(&wider.join("\n")).await;
    for number in 1..=statements {
        let needle = format!("unused: dynamodb:Unheard{number} ");
        assert!(
            found.iter().any(|line| line.contains(&needle)),
            "{needle}: {found:?}"
        );
    }
    assert_eq!(statements, 75, "one for each statement");
}

/// One of so many is enough to see that it is noticed: that all are needed shows where all are used.
const ONE_OF: usize = 8;

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
    let without_a_table = (0..4).flat_map(|nth| {
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
        75 + 86,
        "each action, and each table beside another"
    );
    for template in narrower.into_iter().step_by(ONE_OF) {
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

/// Somebody who does all that there is to do.
struct Caller<'a> {
    gateway: &'a Gateway,
    token: &'static str,
}

impl Caller<'_> {
    /// What is answered; null where that is nothing, or a failure.
    async fn calls(&self, route: &str, form: &str) -> Value {
        let (method, path) = route.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", form)
            .body(Body::from(form.to_owned()))
            .unwrap();
        let answer = self.gateway.answer(request).await;
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        serde_json::from_slice(&body.unwrap()).unwrap_or_default()
    }
}

/// Does all that there is to do under the policies of `template`; what was denied, and what was
/// granted and not needed.
async fn violations(template: &str) -> Vec<String> {
    let stack = Stack::start(None).await.unwrap();
    demo::load(&stack.store).await.unwrap();
    let template = Template::parse(template).unwrap();
    // Minutes pass between one look at the clock and the next, so each request writes down that its caller is active.
    let moment = AtomicU64::new(Clock::system().now().0);
    let clock = Clock::new(move || Micros(moment.fetch_add(120_000_000, Ordering::Relaxed)));
    let store = stack.store.clone().with_clock(clock);
    let gateway = &Gateway::new(&template, functions::all(), &store).unwrap();
    let [kevin, kate, buzz] = ["kevin", "kate", "buzz"].map(|name| Caller {
        gateway,
        token: match name {
            "kevin" => "citypay_demo_kevin",
            "kate" => "citypay_demo_kate",
            _ => "citypay_demo_buzz",
        },
    });
    let id = |answer: &Value| answer["id"].as_str().unwrap_or_default().to_owned();
    let family = demo::CONVERSATION;
    let [message, unread] = demo::messages().unwrap();

    kevin.calls("GET /v1/messages", "").await;
    let list = format!("GET /v1/messages?conversation_id={family}");
    kevin.calls(&list, "").await;
    let hello = format!("conversation_id={family}&message=hello");
    kevin.calls("POST /v1/messages", &hello).await;
    kevin.calls("POST /v1/messages", &hello).await; // the same under the same key
    kevin
        .calls(&format!("GET /v1/messages/{message}"), "")
        .await;
    let change = "message=edited&reactions[heart][]=KevinMcCallister";
    kevin
        .calls(&format!("PUT /v1/messages/{message}"), change)
        .await;

    let pair = kevin.calls("POST /v1/conversations", "participants[]=BuzzMcCallister");
    let pair = id(&pair.await);
    kevin
        .calls("POST /v1/conversations", "participants[]=BuzzMcCallister")
        .await;
    kevin.calls("GET /v1/conversations", "").await;
    kevin
        .calls(&format!("GET /v1/conversations?starting_after={pair}"), "")
        .await;
    kevin
        .calls(&format!("GET /v1/conversations/{family}"), "")
        .await;
    kevin
        .calls(&format!("PUT /v1/conversations/{pair}"), "name=Brothers")
        .await;
    let read = format!("read_up_to={unread}");
    kevin
        .calls(&format!("PUT /v1/conversations/{family}"), &read)
        .await;
    let others = format!("POST /v1/conversations/{pair}/participants");
    kevin.calls(&others, "participants[]=KateMcCallister").await;
    // The last of a conversation takes what was said there along, either way.
    for (gone, last) in [("conversations", &buzz), ("participants", &kate)] {
        let alone = last.calls("POST /v1/conversations", "participants[]=KevinMcCallister");
        let alone = id(&alone.await);
        let hello = format!("conversation_id={alone}&message=hello");
        last.calls("POST /v1/messages", &hello).await;
        for person in [&kevin, last] {
            let me = id(&person.calls("GET /v1/me", "").await);
            let route = match gone {
                "conversations" => format!("DELETE /v1/conversations/{alone}"),
                _ => format!("DELETE /v1/conversations/{alone}/participants/{me}"),
            };
            person.calls(&route, "").await;
        }
    }

    // What a list meets of what is gone, it removes.
    let alone = id(&buzz
        .calls("POST /v1/conversations", "participants[]=BuzzMcCallister")
        .await);
    let hello = format!("conversation_id={alone}&message=hello");
    buzz.calls("POST /v1/messages", &hello).await;
    let key = serde_json::json!({"TableName": "ConversationsTable", "Key": {"id": {"S": alone}}});
    let delete = serde_json::from_value(key).unwrap();
    // Under a policy too narrow there is none.
    let _ = stack.engine.database().delete_item(delete);
    buzz.calls("GET /v1/messages", "").await;

    kevin.calls("GET /v1/contacts", "").await;
    kevin
        .calls("GET /v1/contacts?username=KateMcCallister", "")
        .await;
    let kate_id = id(&kate.calls("PUT /v1/me", "username=Kate").await);
    kevin
        .calls(&format!("GET /v1/contacts/{kate_id}"), "")
        .await;
    let token = id(&kevin.calls("POST /v1/tokens", "label=laptop").await);
    kevin.calls("GET /v1/tokens", "").await;
    kevin.calls(&format!("DELETE /v1/tokens/{token}"), "").await;
    kevin
        .calls(&format!("DELETE /v1/messages/{message}"), "")
        .await;
    kevin.calls("GET /", "").await;
    gateway.violations()
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
    assert_eq!(template.tables.len(), 8);
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

/// `/:id` as the template writes it, `/{id}`.
fn placeholders(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        });
    segments.collect::<Vec<_>>().join("/")
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
                .map(|method| format!("{method} {}", placeholders(path)))
        })
        .collect();
    routes.sort();
    known.sort();
    assert_eq!(routes, known.iter().collect::<Vec<_>>());
}
