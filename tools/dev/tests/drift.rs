//! `template.yaml`, the handlers and everything else that names an endpoint agree with each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use dev::demo;
use dev::functions;
use dev::gateway::Gateway;
use dev::stack::Stack;
use dev::template::{self, Template};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use shared::time::{Clock, Micros};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A text file of the repository.
fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `template.yaml` as JSON, for tests to change.
fn document() -> Value {
    template::document(&read("template.yaml")).unwrap()
}

/// Why the local stack does not start with this template, if it does not.
async fn start_with(document: Value) -> Result<(), String> {
    let store = Stack::start(None).await.unwrap().store;
    let template = Template::from_document(document).map_err(|error| error.to_string())?;
    Gateway::new(&template, functions::all(), &store)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_local_stack_starts_with_the_template() {
    assert_eq!(start_with(document()).await, Ok(()));
}

#[tokio::test]
async fn a_function_without_a_handler_is_an_error_at_start() {
    let mut document = document();
    let function = &mut document["Resources"]["GetMessage"];
    function["Metadata"]["BuildProperties"]["Binary"] = json!("fetch-message");
    function["Properties"]["CodeUri"] = json!("functions/fetch-message");
    let error = start_with(document).await.unwrap_err();
    assert!(error.contains("fetch-message"), "{error}");
}

#[tokio::test]
async fn a_handler_without_a_function_is_an_error_at_start() {
    let mut document = document();
    let resources = document["Resources"].as_object_mut().unwrap();
    resources.remove("DeleteMessage").unwrap();
    let error = start_with(document).await.unwrap_err();
    assert!(error.contains("delete-message"), "{error}");
}

#[test]
fn a_function_built_from_another_folder_is_an_error() {
    let mut document = document();
    document["Resources"]["GetMessage"]["Properties"]["CodeUri"] = json!("functions/get-me");
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("functions/get-me"), "{error}");
}

/// The environment variables that the template gives to every function.
fn variables(document: &mut Value) -> &mut Value {
    &mut document["Globals"]["Function"]["Environment"]["Variables"]
}

#[test]
fn a_variable_that_refers_to_no_table_is_an_error() {
    let mut document = document();
    variables(&mut document)["INBOX_TABLE"] = json!({ "Ref": "OutboxTable" });
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("INBOX_TABLE"), "{error}");
}

#[test]
fn a_dynamodb_endpoint_other_than_that_of_the_region_is_an_error() {
    let (mut missing, mut other) = (document(), document());
    let variables_of_one = variables(&mut missing).as_object_mut().unwrap();
    variables_of_one.remove("DYNAMODB_ENDPOINT").unwrap();
    variables(&mut other)["DYNAMODB_ENDPOINT"] =
        json!({ "Fn::Sub": "https://dynamodb.${AWS::Region}.amazonaws.com" });
    for document in [missing, other] {
        let error = Template::from_document(document).unwrap_err().to_string();
        assert!(error.contains("DYNAMODB_ENDPOINT"), "{error}");
    }
}

/// The logical ids of the functions.
fn logical_ids(document: &Value) -> Vec<String> {
    let resources = document["Resources"].as_object().unwrap().iter();
    let functions =
        resources.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    functions.map(|(id, _)| id.clone()).collect()
}

/// The statements of a function's policies; none if it has no policy.
fn statements<'a>(document: &'a mut Value, function: &str) -> Vec<&'a mut Value> {
    let properties = &mut document["Resources"][function]["Properties"];
    let Some(policies) = properties.get_mut("Policies") else {
        return Vec::new();
    };
    let policies = policies.as_array_mut().unwrap().iter_mut();
    let statements = policies.map(|policy| policy["Statement"].as_array_mut().unwrap());
    statements.flatten().collect()
}

#[tokio::test]
async fn every_function_uses_exactly_what_its_policy_grants() {
    assert_eq!(violations(document()).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_unused_grant_is_reported_for_every_statement() {
    let mut document = document();
    let mut added = Vec::new();
    for function in logical_ids(&document) {
        for statement in statements(&mut document, &function) {
            let unused = format!("dynamodb:Unused{}", added.len());
            statement["Action"] = json!([statement["Action"], unused]);
            added.push(unused);
        }
    }
    let found = violations(document).await;
    for action in &added {
        let expected = format!(": unused: {action} on ");
        assert!(
            found.iter().any(|violation| violation.contains(&expected)),
            "{action}: {found:?}"
        );
    }
    assert!(
        added.len() > functions::all().len(),
        "several for most functions: {added:?}"
    );
}

/// The template without one statement of this function's policies, and without one table of a statement
/// that lists several: every way to grant it one thing less.
fn narrowed(function: &str) -> Vec<Value> {
    let mut all = Vec::new();
    for index in 0..statements(&mut document(), function).len() {
        let mut without_statement = document();
        *statements(&mut without_statement, function)[index] =
            json!({ "Effect": "Allow", "Action": [], "Resource": [] });
        all.push(without_statement);
        let tables = statements(&mut document(), function)[index]["Resource"]
            .as_array()
            .map_or(0, Vec::len);
        for table in 0..tables {
            let mut without_table = document();
            let resources = &mut statements(&mut without_table, function)[index]["Resource"];
            resources.as_array_mut().unwrap().remove(table);
            all.push(without_table);
        }
    }
    all
}

/// One grant of each function is enough to show that a missing grant is reported: that every grant is
/// used is what `every_function_uses_exactly_what_its_policy_grants` shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_reported() {
    let functions = Template::of_this_project().unwrap().functions.into_iter();
    let with_policy = functions.filter(|function| !function.permissions.is_empty());
    // A different one each time, so that the sample has statements and tables of all kinds.
    let samples = with_policy.enumerate().map(|(number, function)| {
        let mut narrowed = narrowed(&function.name);
        let sample = narrowed.swap_remove(number % narrowed.len());
        (function.binary, sample)
    });
    let samples: Vec<_> = samples.collect();
    assert!(!samples.is_empty());
    for at_once in samples.chunks(4) {
        let runs = at_once.iter().cloned().map(|(binary, sample)| {
            tokio::spawn(async move { (format!("{binary}: denied: "), violations(sample).await) })
        });
        for (expected, found) in try_join_all(runs).await.unwrap() {
            let is_reported = |violation: &String| violation.starts_with(&expected);
            assert!(found.iter().any(is_reported), "{expected}{found:?}");
        }
    }
}

#[test]
fn a_policy_with_wildcards_is_refused() {
    for (key, value) in [("Action", "dynamodb:*"), ("Resource", "*")] {
        let mut document = document();
        statements(&mut document, "GetMessage")[0][key] = json!(value);
        assert!(Template::from_document(document).is_err(), "{key}: {value}");
    }
}

/// A contact who calls the API.
struct Caller<'a> {
    gateway: &'a Gateway,
    token: &'static str,
}

impl Caller<'_> {
    /// The JSON of the response; null if the body is empty or no JSON.
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
        let response = self.gateway.answer(request).await;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        serde_json::from_slice(&body.unwrap()).unwrap_or_default()
    }
}

/// Calls every function with everything that it can do, under the policies of this template, and returns
/// what was denied, and what was granted and not used.
async fn violations(document: Value) -> Vec<String> {
    let stack = Stack::start(None).await.unwrap();
    demo::load(&stack.store).await.unwrap();
    let template = Template::from_document(document).unwrap();
    // The clock advances two minutes each time it is read, so every request records that its caller is active.
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
    let id = |response: &Value| response["id"].as_str().unwrap_or_default().to_owned();
    let family = demo::CONVERSATION;
    let [message, unread] = demo::messages().unwrap();

    kevin.calls("GET /v1/messages", "").await;
    let list = format!("GET /v1/messages?conversation_id={family}");
    kevin.calls(&list, "").await;
    let hello = format!("conversation_id={family}&message=hello");
    kevin.calls("POST /v1/messages", &hello).await;
    kevin.calls("POST /v1/messages", &hello).await; // replayed, under the same key
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
    // The last participant to leave, or to be removed, deletes the messages.
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

    // Listing the inbox deletes its entries of a conversation that does not exist anymore.
    let alone = id(&buzz
        .calls("POST /v1/conversations", "participants[]=BuzzMcCallister")
        .await);
    let hello = format!("conversation_id={alone}&message=hello");
    buzz.calls("POST /v1/messages", &hello).await;
    let key = serde_json::json!({"TableName": "ConversationsTable", "Key": {"id": {"S": alone}}});
    let delete = serde_json::from_value(key).unwrap();
    // Fails if the policy was too narrow to create the conversation.
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
fn permissions_from_anywhere_else_are_refused() {
    let mut with_role = document();
    with_role["Resources"]["GetMessage"]["Properties"]["Role"] = json!("arn:aws:iam::1:role/admin");
    assert!(Template::from_document(with_role).is_err());
    for kind in ["AWS::IAM::Policy", "AWS::Serverless::Connector"] {
        let mut document = document();
        document["Resources"]["More"] = json!({ "Type": kind });
        assert!(Template::from_document(document).is_err(), "{kind}");
    }
}

#[test]
fn tables_have_the_keys_of_the_template() {
    let template = Template::of_this_project().unwrap();
    let named: BTreeSet<_> = template.variables.values().collect();
    assert_eq!(template.tables.keys().collect::<BTreeSet<_>>(), named);
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
