//! `template.yaml`, the handlers, the alarms, the routers and the documentation list the same endpoints.

#[path = "drift/alarms.rs"]
mod alarms;
#[path = "api/harness/issuer.rs"]
#[allow(dead_code, reason = "the API tests use the rest")]
mod issuer;
#[path = "api/harness/receiver.rs"]
#[allow(dead_code, reason = "the API tests use the rest")]
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use dynoxide::ImportOptions;
use dynoxide::types::Item;
use futures_util::future::try_join_all;
use issuer::{Issuer, SigningKey};
use local_stack::demo;
use local_stack::functions;
use local_stack::gateway::Gateway;
use local_stack::stack::Stack;
use local_stack::template::{self, Template};
use receiver::Receiver;
use serde_json::{Value, json};
use shared::id::{ContactId, MessageId};
use shared::store::{Budget, Limits};
use shared::time::{Clock, Micros};

/// The root of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Reads a text file of the repository.
fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns `template.yaml` as JSON, so that tests can modify it.
fn document() -> Value {
    template::document(&read("template.yaml")).unwrap()
}

/// Starts a gateway with this template; returns its error message if it fails.
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
async fn a_function_without_a_handler_fails_at_start() {
    let mut document = document();
    let function = &mut document["Resources"]["GetMessage"];
    function["Metadata"]["BuildProperties"]["Binary"] = json!("fetch-message");
    function["Properties"]["CodeUri"] = json!("functions/fetch-message");
    let error = start_with(document).await.unwrap_err();
    assert!(error.contains("fetch-message"), "{error}");
}

#[tokio::test]
async fn a_handler_without_a_function_fails_at_start() {
    let mut document = document();
    let resources = document["Resources"].as_object_mut().unwrap();
    resources.remove("DeleteMessage").unwrap();
    let error = start_with(document).await.unwrap_err();
    assert!(error.contains("delete-message"), "{error}");
}

#[test]
fn a_function_built_from_a_folder_of_another_name_is_refused() {
    let mut document = document();
    document["Resources"]["GetMessage"]["Properties"]["CodeUri"] = json!("functions/get-me");
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("functions/get-me"), "{error}");
}

/// Returns the environment variables that the template sets for every function.
fn variables(document: &mut Value) -> &mut Value {
    &mut document["Globals"]["Function"]["Environment"]["Variables"]
}

#[test]
fn a_variable_that_refers_neither_to_a_table_nor_to_a_parameter_is_refused() {
    let mut document = document();
    variables(&mut document)["INBOX_TABLE"] = json!({ "Ref": "OutboxTable" });
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("INBOX_TABLE"), "{error}");
}

#[test]
fn update_me_gets_the_rules_for_usernames() {
    let functions = Template::embedded().unwrap().functions;
    let update_me = functions
        .iter()
        .find(|function| function.binary == "update-me");
    let default = |variable| &update_me.unwrap().variables[variable].default;
    let reserved = default("RESERVED_USERNAMES");
    for name in ["admin", "support", "everyone"] {
        let is_reserved = reserved.split(',').any(|reserved| reserved == name);
        assert!(is_reserved, "{name}: {reserved}");
    }
    assert_eq!(default("USERNAME_RELEASE_DAYS"), "30");
}

#[test]
fn a_variable_of_a_function_that_does_not_refer_to_a_parameter_is_refused() {
    let mut document = document();
    let function = &mut document["Resources"]["UpdateMe"]["Properties"];
    function["Environment"]["Variables"]["RESERVED_USERNAMES"] = json!({ "Ref": "Nothing" });
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("RESERVED_USERNAMES"), "{error}");
}

#[test]
fn a_missing_or_wrong_dynamodb_endpoint_is_refused() {
    let (mut missing, mut other) = (document(), document());
    let variables_of_missing = variables(&mut missing).as_object_mut().unwrap();
    variables_of_missing.remove("DYNAMODB_ENDPOINT").unwrap();
    variables(&mut other)["DYNAMODB_ENDPOINT"] =
        json!({ "Fn::Sub": "https://dynamodb.${AWS::Region}.amazonaws.com" });
    for document in [missing, other] {
        let error = Template::from_document(document).unwrap_err().to_string();
        assert!(error.contains("DYNAMODB_ENDPOINT"), "{error}");
    }
}

#[test]
fn the_functions_that_may_use_files_have_the_url_of_the_bucket_and_no_others() {
    for function in Template::embedded().unwrap().functions {
        let mut permissions = function.permissions.iter();
        let uses_files = permissions.any(|permission| permission.starts_with("s3:"));
        assert_eq!(function.has_files, uses_files, "{}", function.name);
    }
}

#[test]
fn another_url_of_the_bucket_and_other_resources_of_s3_are_refused() {
    let mut other_url = document();
    let function = &mut other_url["Resources"]["GetAttachment"]["Properties"];
    function["Environment"]["Variables"]["FILES_URL"] =
        json!({ "Fn::Sub": "https://${FilesBucket}.s3.amazonaws.com" });
    let error = Template::from_document(other_url).unwrap_err().to_string();
    assert!(error.contains("FILES_URL"), "{error}");
    for resource in ["${FilesBucket.Arn}", "${FilesBucket.Arn}/*/*", "*"] {
        let mut other_resource = document();
        statements(&mut other_resource, "RemoveFile")[1]["Resource"] =
            json!({ "Fn::Sub": resource });
        assert!(
            Template::from_document(other_resource).is_err(),
            "{resource}"
        );
    }
}

/// Returns the logical ids of the functions.
fn logical_ids(document: &Value) -> Vec<String> {
    let resources = document["Resources"].as_object().unwrap().iter();
    let functions =
        resources.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
    functions.map(|(id, _)| id.clone()).collect()
}

/// Returns the statements of a function's policies; none if it has no policy.
fn statements<'a>(document: &'a mut Value, function: &str) -> Vec<&'a mut Value> {
    let properties = &mut document["Resources"][function]["Properties"];
    let Some(policies) = properties.get_mut("Policies") else {
        return Vec::new();
    };
    let policies = policies.as_array_mut().unwrap().iter_mut();
    let statements = policies.map(|policy| policy["Statement"].as_array_mut().unwrap());
    let statement = |statement: &'a mut Value| match statement.get("Fn::If") {
        Some(_) => &mut statement["Fn::If"][1],
        None => statement,
    };
    statements.flatten().map(statement).collect()
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
        "most functions have several statements: {added:?}"
    );
}

/// While a deployment runs, the last release serves with the policies of this one.
#[tokio::test]
async fn a_right_that_only_the_last_release_uses_is_still_granted_if_it_is_marked() {
    let mut document = document();
    let unused = "dynamodb:GetItem on TokensTable";
    let used = "dynamodb:BatchGetItem on TokensTable";
    let also = json!({
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": { "Fn::GetAtt": "TokensTable.Arn" },
    });
    let policies = &mut document["Resources"]["GetMe"]["Properties"]["Policies"];
    policies[0]["Statement"].as_array_mut().unwrap().push(also);
    let mut marked = async |rights: Value| {
        document["Resources"]["GetMe"]["Metadata"]["StillGranted"] = rights;
        violations(document.clone()).await
    };
    assert_eq!(
        marked(json!([])).await,
        [format!("get-me: unused: {unused}")]
    );
    assert_eq!(marked(json!([unused])).await, Vec::<String>::new());
    let still_used = format!("get-me: used, but in StillGranted: {used}");
    assert_eq!(marked(json!([unused, used])).await, [still_used]);
}

#[test]
fn a_right_that_is_marked_and_not_granted_is_refused() {
    let mut document = document();
    document["Resources"]["GetMe"]["Metadata"]["StillGranted"] =
        json!(["dynamodb:GetItem on TokensTable"]);
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(
        error.contains("StillGranted has dynamodb:GetItem"),
        "{error}"
    );
}

/// Returns the attributes to which a statement limits updates; null if it does not.
fn attributes(statement: &mut Value) -> &mut Value {
    &mut statement["Condition"]["ForAllValues:StringLike"]["dynamodb:Attributes"]
}

/// Returns variants of the template that grant this function less: one variant without each statement of its
/// policies, one without each table of a statement that lists several, and one without each attribute.
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
        let attributes_in_condition = statements(&mut document(), function)[index]
            .pointer("/Condition/ForAllValues:StringLike/dynamodb:Attributes")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        for attribute in 0..attributes_in_condition {
            let mut without_attribute = document();
            let statement = statements(&mut without_attribute, function).swap_remove(index);
            attributes(statement)
                .as_array_mut()
                .unwrap()
                .remove(attribute);
            all.push(without_attribute);
        }
    }
    all
}

/// Tests one missing grant per function. That every grant is used is tested by
/// `every_function_uses_exactly_what_its_policy_grants`.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_reported() {
    let functions = Template::embedded().unwrap().functions.into_iter();
    let with_policy = functions.filter(|function| !function.permissions.is_empty());
    // A different variant for each function, so that the sample covers different statements and tables.
    let samples = with_policy.enumerate().map(|(number, function)| {
        let mut narrowed = narrowed(&function.name);
        let sample = narrowed.swap_remove(number % narrowed.len());
        (function.binary, sample)
    });
    let samples: Vec<_> = samples.collect();
    assert!(!samples.is_empty());
    for concurrent in samples.chunks(4) {
        let runs = concurrent.iter().cloned().map(|(binary, sample)| {
            tokio::spawn(async move { (format!("{binary}: denied: "), violations(sample).await) })
        });
        for (expected, found) in try_join_all(runs).await.unwrap() {
            let is_reported = |violation: &String| violation.starts_with(&expected);
            assert!(found.iter().any(is_reported), "{expected}{found:?}");
        }
    }
}

/// Otherwise it could put another contact in the place of any.
#[tokio::test]
async fn update_me_may_put_usernames_and_no_contacts() {
    let mut document = document();
    let statements = statements(&mut document, "UpdateMe");
    let mut puts = statements
        .into_iter()
        .filter(|statement| statement["Action"] == "dynamodb:PutItem")
        .filter(|statement| statement["Resource"]["Fn::GetAtt"] == "ContactsTable.Arn");
    let condition = &mut puts.next().unwrap()["Condition"];
    let keys = &mut condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    assert_eq!(*keys, json!(["@*"]));
    assert!(puts.next().is_none());
    *keys = json!(["#*"]);
    drop(puts);
    let denied = "update-me: denied: dynamodb:PutItem on ContactsTable".to_owned();
    assert!(violations(document).await.contains(&denied));
}

/// Returns the statement of a function that limits updates of contacts.
fn update_of_contacts<'a>(document: &'a mut Value, function: &str) -> &'a mut Value {
    let mut statements = statements(document, function).into_iter();
    let found = statements.find(|statement| statement.get("Condition").is_some());
    found.unwrap()
}

#[test]
fn every_function_may_update_only_some_attributes_of_a_contact() {
    for function in Template::embedded().unwrap().functions {
        let all = "dynamodb:UpdateItem on ContactsTable";
        assert!(!function.permissions.contains(all), "{}", function.name);
    }
}

#[tokio::test]
async fn an_update_of_an_attribute_that_is_not_granted_is_refused() {
    let mut document = document();
    let listed = attributes(update_of_contacts(&mut document, "UpdateMe"));
    listed
        .as_array_mut()
        .unwrap()
        .retain(|attribute| attribute != "avatar_url");
    let listed = attributes(update_of_contacts(&mut document, "GetMe"));
    listed
        .as_array_mut()
        .unwrap()
        .retain(|attribute| attribute != "last_active_at");
    let found = violations(document).await;
    for expected in [
        "update-me: denied: dynamodb:UpdateItem on ContactsTable (avatar_url)",
        "get-me: denied: dynamodb:UpdateItem on ContactsTable (last_active_at)",
    ] {
        assert!(
            found.iter().any(|violation| violation == expected),
            "{expected}: {found:?}"
        );
    }
}

#[tokio::test]
async fn an_attribute_that_is_granted_and_not_updated_is_reported() {
    let mut document = document();
    let listed = attributes(update_of_contacts(&mut document, "GetMe"));
    listed.as_array_mut().unwrap().push(json!("created_at"));
    let unused = "get-me: unused: dynamodb:UpdateItem on ContactsTable (created_at)";
    assert_eq!(violations(document).await, [unused]);
}

#[test]
fn a_condition_that_the_local_stack_does_not_enforce_is_refused() {
    let only = json!({ "dynamodb:Attributes": ["id", "last_active_at"] });
    let returns = |values: Value| json!({ "dynamodb:ReturnValues": values });
    let updated = json!(["NONE", "UPDATED_NEW"]);
    for condition in [
        json!({ "ForAllValues:StringLike": only }),
        json!({ "ForAllValues:StringLike": only, "StringEqualsIfExists": returns(json!("ALL_OLD")) }),
        json!({ "ForAllValues:StringLike": only, "StringEqualsIfExists": returns(json!(["NONE", "ALL_OLD"])) }),
        json!({ "ForAllValues:StringLike": only, "StringEqualsIfExists": returns(json!(["NONE", "ALL_NEW"])) }),
        json!({ "ForAllValues:StringLike": only, "StringEqualsIfExists": returns(json!(["NONE", "UPDATED_NEW", "ALL_NEW"])) }),
        json!({ "ForAllValues:StringEquals": only, "StringEqualsIfExists": returns(updated.clone()) }),
        json!({ "ForAllValues:StringLike": only, "StringEqualsIfExists": returns(updated), "Bool": {} }),
    ] {
        let mut document = document();
        update_of_contacts(&mut document, "GetMe")["Condition"] = condition.clone();
        assert!(Template::from_document(document).is_err(), "{condition}");
    }
}

#[test]
fn two_statements_that_limit_updates_of_one_table_are_refused() {
    let mut document = document();
    let again = update_of_contacts(&mut document, "GetMe").clone();
    let policies = &mut document["Resources"]["GetMe"]["Properties"]["Policies"];
    policies[0]["Statement"].as_array_mut().unwrap().push(again);
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("is granted twice"), "{error}");
}

#[test]
fn a_policy_with_wildcards_is_refused() {
    for (key, value) in [("Action", "dynamodb:*"), ("Resource", "*")] {
        let mut document = document();
        statements(&mut document, "GetMessage")[0][key] = json!(value);
        assert!(Template::from_document(document).is_err(), "{key}: {value}");
    }
}

/// A contact who calls the API, or the operator's server.
struct Caller<'a> {
    gateway: &'a Gateway,
    token: String,
    /// The contact that the server acts for.
    on_behalf_of: Option<&'a str>,
}

impl Caller<'_> {
    /// Uploads a file to a conversation. Returns the id of its attachment; empty if there is none.
    async fn uploads(&self, conversation: &str) -> String {
        let form = format!("conversation_id={conversation}&filename=a&file_size=1");
        let created = self.calls("POST /v1/attachments", &form).await;
        if let Some(url) = created["upload"]["url"].as_str() {
            let upload = reqwest::Client::new().put(url).body("x");
            let upload = upload
                .header("content-type", "application/octet-stream")
                .header("if-none-match", "*");
            upload.send().await.unwrap().error_for_status().unwrap();
        }
        id(&created)
    }

    /// Replies to a message, so that the last message of the conversation shows another one.
    async fn replies(&self, conversation: &str, to: &str) {
        let form = format!("conversation_id={conversation}&message=hello&reply_to={to}");
        self.calls("POST /v1/messages", &form).await;
    }

    /// Sends a request; returns the JSON of the response, or null if the body is empty or not JSON.
    async fn calls(&self, route: &str, form: &str) -> Value {
        let (method, path) = route.split_once(' ').unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("idempotency-key", form);
        let request = match self.on_behalf_of {
            None => request,
            Some(contact) => request.header("on-behalf-of", contact),
        };
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.gateway.handle(request).await;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        serde_json::from_slice(&body.unwrap()).unwrap_or_default()
    }
}

/// Makes all messages of a conversation older than its recent reads, of which there is no room for more.
fn set_recent_reads(stack: &Stack, conversation: &str, from: u64) {
    let reads: Vec<_> = (from..from + 16)
        .map(|moment| {
            let [after, up_to] =
                [moment, moment + 1].map(|moment| MessageId::prefix(Micros(moment)));
            json!({"S": format!("1{after}{up_to}{up_to}{}", ContactId::random())})
        })
        .collect();
    set_in_conversation(stack, conversation, "read_log", &json!({ "L": reads }));
}

/// Sets an attribute of a conversation.
fn set_in_conversation(stack: &Stack, conversation: &str, attribute: &str, value: &Value) {
    let update = json!({
        "TableName": "ConversationsTable",
        "Key": {"id": {"S": conversation}},
        "UpdateExpression": format!("SET {attribute} = :value"),
        "ConditionExpression": "attribute_exists(id)",
        "ExpressionAttributeValues": {":value": value},
    });
    let update = serde_json::from_value(update).unwrap();
    // Ignores the error if a narrowed policy prevented the creation of the conversation.
    let _ = stack.engine.database().update_item(update);
}

/// Marks a conversation as closed and deletes a membership, but keeps the participants: the state that a send sees
/// whose author, the last participant, leaves meanwhile.
fn close_in_flight(stack: &Stack, conversation: &str, participant: &str) {
    set_in_conversation(
        stack,
        conversation,
        "closed_by",
        &json!({ "S": participant }),
    );
    let key = json!({"contact_id": {"S": participant}, "conversation_id": {"S": conversation}});
    let delete = json!({"TableName": "MembershipsTable", "Key": key});
    let delete = serde_json::from_value(delete).unwrap();
    let _ = stack.engine.database().delete_item(delete);
}

/// Puts an attachment with this time of creation into its table, and deletes it.
fn remove_attachment(stack: &Stack, created_at: u64) {
    let key = json!({
        "conversation_id": {"S": demo::CONVERSATION_ID},
        "created_at": {"N": created_at.to_string()},
    });
    let put = json!({"TableName": "AttachmentsTable", "Item": key});
    let put = serde_json::from_value(put).unwrap();
    stack.engine.database().put_item(put).unwrap();
    let delete = json!({"TableName": "AttachmentsTable", "Key": key});
    let delete = serde_json::from_value(delete).unwrap();
    stack.engine.database().delete_item(delete).unwrap();
}

/// Returns the id in a response; empty if there is none.
fn id(response: &Value) -> String {
    response["id"].as_str().unwrap_or_default().to_owned()
}

/// Creates a conversation with messages and reads, which first Kevin and then the last one leave through this
/// collection.
async fn leave_as_the_last(
    stack: &Stack,
    kevin: &Caller<'_>,
    (collection, last): (&str, &Caller<'_>),
) {
    let temporary = last.calls("POST /v1/conversations", "participants[]=KevinMcCallister");
    let temporary = id(&temporary.await);
    let hello = format!("conversation_id={temporary}&message=hello");
    last.calls("POST /v1/messages", &hello).await;
    let reads = json!({"TableName": "ReadsTable", "Item": {
        "conversation_id": {"S": if temporary.is_empty() { "none" } else { &temporary }},
        "up_to": {"S": "1000000001"},
        "intervals": {"L": []},
    }});
    let reads = serde_json::from_value(reads).unwrap();
    stack.engine.database().put_item(reads).unwrap();
    let edit = json!({"TableName": "EditsTable", "Item": {
        "conversation_id": {"S": if temporary.is_empty() { "none" } else { &temporary }},
        "id": {"S": "00000000100"},
    }});
    let edit = serde_json::from_value(edit).unwrap();
    stack.engine.database().put_item(edit).unwrap();
    let attachment = json!({"TableName": "AttachmentsTable", "Item": {
        "conversation_id": {"S": if temporary.is_empty() { "none" } else { &temporary }},
        "created_at": {"N": "1"},
        "contact_id": {"S": "none"},
    }});
    let attachment = serde_json::from_value(attachment).unwrap();
    stack.engine.database().put_item(attachment).unwrap();
    for person in [kevin, last] {
        let me = id(&person.calls("GET /v1/me", "").await);
        let route = match collection {
            "conversations" => format!("DELETE /v1/conversations/{temporary}"),
            _ => format!("DELETE /v1/conversations/{temporary}/participants/{me}"),
        };
        person.calls(&route, "").await;
    }
}

/// Returns the permissions that were denied, and those that were granted and not used, when every function is called.
async fn violations(document: Value) -> Vec<String> {
    call_everything(document).await.violations()
}

/// Calls every function so that it uses all of its DynamoDB operations, under the policies of this template.
#[expect(clippy::too_many_lines, reason = "it calls every endpoint")]
async fn call_everything(document: Value) -> Gateway {
    let stack = Stack::start(None).await.unwrap();
    demo::load(&stack.store, &stack.bucket).await.unwrap();
    let template = Template::from_document(document).unwrap();
    // The clock advances two minutes each time it is read, so every request records that its caller is active.
    let moment = AtomicU64::new(Clock::system().now().0);
    let clock = Clock::new(move || Micros(moment.fetch_add(120_000_000, Ordering::Relaxed)));
    // So small that every request flushes what it has spent, in a window that has ended before the next one.
    let budget = Budget {
        units: 100,
        window: Duration::from_mins(1),
    };
    let limits = Limits {
        budget,
        key_budget: budget,
        conversations_per_day: 1_000,
        participants_per_day: 1_000,
        uploads_per_day: 1_000,
        ..Limits::default()
    };
    // S3 refuses signatures of the future.
    let files = stack.store.files().cloned();
    let store = stack.store.clone().with_clock(clock).with_limits(limits);
    let store = store.with_files(files);
    let signing_key = SigningKey::es256("key");
    let issuer = Issuer::start(&[&signing_key]).await;
    let store = store.with_identity_provider(Some(issuer.provider(true)));
    let store = store.with_edit_history(true);
    let all = Gateway::new(&template, functions::all(), &store).unwrap();
    let gateway = &all;
    let [kevin, kate, buzz] = ["kevin", "kate", "buzz"].map(|name| Caller {
        gateway,
        token: format!("citypay_demo_{name}"),
        on_behalf_of: None,
    });
    let conversation = demo::CONVERSATION_ID;
    let [message, unread] = demo::message_ids().unwrap();

    kevin.calls("GET /v1/messages", "").await;
    let hello = format!("conversation_id={conversation}&message=hello");
    kevin.calls("POST /v1/messages", &hello).await;
    let year = |number: u64| Clock::system().now().0 + number * 31_536_000_000_000;
    set_recent_reads(&stack, conversation, year(1));
    kevin.calls("POST /v1/messages", &hello).await; // replayed, under the same key
    let list = format!("GET /v1/messages?conversation_id={conversation}");
    kevin.calls(&list, "").await;
    let contact = "WAz8eIbvDR60rouK";
    kevin
        .calls(&format!("{list}&contact_id={contact}"), "")
        .await;
    kevin
        .calls(&format!("GET /v1/messages/{message}"), "")
        .await;
    let change = "message=edited&reactions[heart][]=KevinMcCallister";
    kevin
        .calls(&format!("PUT /v1/messages/{message}"), change)
        .await;
    kevin
        .calls(&format!("GET /v1/messages/{message}/edits"), "")
        .await;

    let file = kevin.uploads(conversation).await;
    let with_file = format!("conversation_id={conversation}&attachments[]={file}");
    kevin.calls("POST /v1/messages", &with_file).await;
    kevin
        .calls(&format!("GET /v1/attachments/{file}"), "")
        .await;
    kevin
        .calls(&format!("GET /v1/attachments/{file}/file"), "")
        .await;
    let added = kevin.uploads(conversation).await;
    let change = format!("attachments[]={added}");
    kevin
        .calls(&format!("PUT /v1/messages/{message}"), &change)
        .await;
    let list = format!("GET /v1/attachments?conversation_id={conversation}");
    kevin.calls(&list, "").await;
    kevin
        .calls(&format!("DELETE /v1/attachments/{added}"), "")
        .await;
    remove_attachment(&stack, year(1));
    // Fails if a narrowed policy prevents the removal.
    let _ = stack.handle_changes(gateway).await;

    follow_changes(&stack, &kevin, &kate).await;

    // Kevin does not know Buzz, who accepts one by request, one by sending, and one by reacting.
    let mut groups = Vec::new();
    for form in ["name=A", "name=B", "name=C"] {
        let form = format!("participants[]=BuzzMcCallister&{form}");
        let group = id(&kevin.calls("POST /v1/conversations", &form).await);
        let hello = format!("conversation_id={group}&message=hello");
        let sent = id(&kevin.calls("POST /v1/messages", &hello).await);
        groups.push((group, sent));
    }
    let [(group, _), (second, _), (_, sent)] = &groups[..] else {
        unreachable!("three groups")
    };
    let accept = format!("PUT /v1/conversations/{group}");
    buzz.calls(&accept, "accepted=true").await;
    buzz.calls(&accept, "accepted=true").await; // nothing is left to do
    let there = format!("conversation_id={group}&message=hello");
    let sent_there = id(&buzz.calls("POST /v1/messages", &there).await);
    buzz.replies(group, &sent_there).await;
    let there = format!("conversation_id={second}&message=hello");
    buzz.calls("POST /v1/messages", &there).await;
    let react = format!("PUT /v1/messages/{sent}");
    buzz.calls(&react, "reactions[heart][]=BuzzMcCallister")
        .await;
    let pair = kevin.calls("POST /v1/conversations", "participants[]=BuzzMcCallister");
    let pair = id(&pair.await);
    // Messages of others are counted; the pair has none yet.
    let from_kate = id(&kate.calls("POST /v1/messages", &hello).await);
    kate.replies(conversation, &from_kate).await;
    kevin.calls("GET /v1/me", "").await;
    set_recent_reads(&stack, conversation, year(2));
    kevin.calls("GET /v1/conversations", "").await;
    kevin
        .calls(&format!("GET /v1/conversations?starting_after={pair}"), "")
        .await;
    let hello = format!("conversation_id={pair}&message=hello");
    let in_pair = id(&buzz.calls("POST /v1/messages", &hello).await);
    buzz.replies(&pair, &in_pair).await;
    set_recent_reads(&stack, &pair, year(2));
    kevin
        .calls("POST /v1/conversations", "participants[]=BuzzMcCallister")
        .await;
    kevin
        .calls(&format!("GET /v1/conversations/{conversation}"), "")
        .await;
    kevin
        .calls(&format!("PUT /v1/conversations/{group}"), "name=Brothers")
        .await;
    let read = format!("read_up_to={unread}");
    kevin
        .calls(&format!("PUT /v1/conversations/{conversation}"), &read)
        .await;
    set_recent_reads(&stack, group, year(1));
    let others = format!("POST /v1/conversations/{group}/participants");
    kevin.calls(&others, "participants[]=KateMcCallister").await;
    // What is stored after the last participant has left is deleted again.
    let form = "participants[]=KevinMcCallister&name=D";
    let closed = id(&buzz.calls("POST /v1/conversations", form).await);
    let me = id(&buzz.calls("GET /v1/me", "").await);
    close_in_flight(&stack, &closed, &me);
    let hello = format!("conversation_id={closed}&message=hello");
    buzz.calls("POST /v1/messages", &hello).await;
    // The last participant to leave, or to be removed, deletes the messages.
    leave_as_the_last(&stack, &kevin, ("conversations", &buzz)).await;
    leave_as_the_last(&stack, &kevin, ("participants", &kate)).await;

    // An author may delete a message after having left.
    let left = id(&kate
        .calls(
            "POST /v1/conversations",
            "participants[]=LinnieMcCallister&name=E",
        )
        .await);
    let hello = format!("conversation_id={left}&message=hello");
    let sent = id(&kate.calls("POST /v1/messages", &hello).await);
    let change = "is_pinned=true&message=edited";
    kate.calls(&format!("PUT /v1/messages/{sent}"), change)
        .await;
    kate.calls(&format!("DELETE /v1/conversations/{left}"), "")
        .await;
    // With their inbox entries, its edit does not fit into the transaction.
    let participants: Vec<_> = (0..98).map(|_| ContactId::random()).collect();
    let participants = json!({ "SS": participants });
    set_in_conversation(&stack, &left, "participants", &participants);
    kate.calls(&format!("DELETE /v1/messages/{sent}"), "").await;

    // Listing the inbox deletes entries of conversations that no longer exist.
    let temporary = id(&buzz
        .calls("POST /v1/conversations", "participants[]=BuzzMcCallister")
        .await);
    let hello = format!("conversation_id={temporary}&message=hello");
    buzz.calls("POST /v1/messages", &hello).await;
    let key =
        serde_json::json!({"TableName": "ConversationsTable", "Key": {"id": {"S": temporary}}});
    let delete = serde_json::from_value(key).unwrap();
    // Ignores the error if a narrowed policy prevented the creation of the conversation.
    let _ = stack.engine.database().delete_item(delete);
    buzz.calls("GET /v1/messages", "").await;

    kevin.calls("GET /v1/contacts", "").await;
    kevin
        .calls("GET /v1/contacts?username=KateMcCallister", "")
        .await;
    let profile = "username=Kate&phone_number=1&avatar_url=https://example.com/kate.jpg";
    let kate_id = id(&kate.calls("PUT /v1/me", profile).await);
    kevin
        .calls(&format!("GET /v1/contacts/{kate_id}"), "")
        .await;
    // Kevin's acquaintances are searched if they are not known to be complete.
    let key = serde_json::json!({
        "TableName": "AcquaintancesTable",
        "Key": {"contact_id": {"S": demo::CONTACTS[0].id}, "other_id": {"S": "*"}},
    });
    let delete = serde_json::from_value(key).unwrap();
    let _ = stack.engine.database().delete_item(delete);
    kevin.calls("GET /v1/contacts", "").await;
    kevin
        .calls(&format!("GET /v1/contacts/{kate_id}"), "")
        .await;
    kevin
        .calls("POST /v1/conversations", "participants[]=Kate&name=D")
        .await;
    kevin
        .calls(&others, "participants[]=LinnieMcCallister")
        .await;
    kevin.calls(&format!("PUT /v1/blocks/{kate_id}"), "").await;
    kevin.calls("GET /v1/blocks", "").await;
    kevin
        .calls(&format!("DELETE /v1/blocks/{kate_id}"), "")
        .await;
    // Creating a token deletes those that have expired once the list is long.
    import_expired_tokens(&stack, demo::CONTACTS[0].id);
    let token = id(&kevin.calls("POST /v1/tokens", "label=laptop").await);
    kevin.calls("GET /v1/tokens", "").await;
    kevin.calls(&format!("DELETE /v1/tokens/{token}"), "").await;
    // A token that was created with another counts as an operator's afterwards.
    let child = buzz.calls("POST /v1/tokens", "").await;
    let child = child["token"].as_str().unwrap_or_default().to_owned();
    let child = Caller {
        gateway,
        token: child,
        on_behalf_of: None,
    };
    child.calls("DELETE /v1/tokens", "").await;
    Box::pin(call_as_server(gateway)).await;
    let newcomer = Caller {
        gateway,
        token: signing_key.signs(&issuer.claims("newcomer")),
        on_behalf_of: None,
    };
    newcomer.calls("GET /v1/me", "").await;
    open_socket(gateway, &newcomer.token).await;
    // This message has an attachment.
    kevin
        .calls(&format!("DELETE /v1/messages/{message}"), "")
        .await;
    kevin.calls("GET /", "").await;
    erase_kevin(&stack, &kevin, &kate).await;
    all
}

/// Two contacts begin to follow their feeds. One sends, reads and creates a conversation without messages, the other
/// changes its settings, and reads what it gets, of which some reads are old. It is also posted to their webhooks, first in
/// vain.
async fn follow_changes(stack: &Stack, kevin: &Caller<'_>, kate: &Caller<'_>) {
    kevin.calls("GET /v1/events", "").await;
    let receiver = Receiver::start().await;
    let webhook = format!("url={}", receiver.url());
    kevin.calls("POST /v1/webhooks", &webhook).await;
    kate.calls("POST /v1/webhooks", &webhook).await;
    let server = Caller {
        gateway: kevin.gateway,
        token: demo::SERVER_KEY.to_owned(),
        on_behalf_of: None,
    };
    server.calls("POST /v1/webhooks", &webhook).await;
    let deleted = id(&kate.calls("POST /v1/webhooks", &webhook).await);
    let begun = kate.calls("GET /v1/events", "").await;
    // A segment that has expired, and as many sockets as a contact can have.
    let sockets = (0..10).map(|number| format!("9999999999 {number}"));
    let update = json!({
        "TableName": "ListenersTable",
        "Key": {"contact_id": {"S": demo::CONTACTS[1].id}},
        "UpdateExpression": "SET segment_number = :old, connections = :sockets",
        "ExpressionAttributeValues": {
            ":old": {"N": "0"},
            ":sockets": {"SS": sockets.collect::<Vec<_>>()},
        },
    });
    let update = serde_json::from_value(update).unwrap();
    stack.engine.database().update_item(update).unwrap();
    let news = format!("conversation_id={}&message=news", demo::CONVERSATION_ID);
    let news = id(&kevin.calls("POST /v1/messages", &news).await);
    // The first contact follows its feed with the socket.
    open_socket(kevin.gateway, demo::CONTACTS[2].token).await;
    open_socket(kevin.gateway, demo::CONTACTS[1].token).await;
    let update = format!("PUT /v1/conversations/{}", demo::CONVERSATION_ID);
    kevin.calls(&update, &format!("read_up_to={news}")).await;
    kate.calls(&update, "is_muted=true").await;
    let band = format!("participants[]={}&name=Band", demo::CONTACTS[1].id);
    kevin.calls("POST /v1/conversations", &band).await;
    // Fails if a narrowed policy prevents it.
    let _ = stack.handle_changes(kevin.gateway).await;
    let next_years = Clock::system().now().0 + 2 * 31_536_000_000_000;
    set_recent_reads(stack, demo::CONVERSATION_ID, next_years);
    let deleted = format!("/v1/webhooks/{deleted}");
    kate.calls(&format!("GET {deleted}"), "").await;
    kate.calls("GET /v1/webhooks", "").await;
    kate.calls(&format!("POST {deleted}/secret"), "").await;
    let test = id(&kate.calls(&format!("POST {deleted}/test"), "").await);
    kate.calls(&format!("GET {deleted}/deliveries"), "").await;
    let replay = format!("POST {deleted}/replay");
    kate.calls(&replay, &format!("ids[]={test}")).await;
    kate.calls(&format!("PUT {deleted}"), "is_enabled=true")
        .await;
    kate.calls(&format!("DELETE {deleted}"), "").await;
    // Fail if a narrowed policy prevents it.
    receiver.responds(500, &[]);
    let _ = kevin.gateway.deliver_new(&stack.engine).await;
    receiver.responds(200, &[]);
    let _ = kevin.gateway.deliver_due().await;
    let cursor = begun["cursor"].as_str().unwrap_or_default();
    kate.calls(&format!("GET /v1/events?after={cursor}"), "")
        .await;
}

/// Opens a socket, and sends a frame over it.
async fn open_socket(gateway: &Gateway, token: &str) {
    for route in ["$connect", "$default"] {
        let event = json!({
            "headers": {"Authorization": format!("Bearer {token}")},
            "requestContext": {"routeKey": route, "connectionId": "L0SM9cOFvHcCIhw="},
        });
        gateway.invoke_for_socket(event).await.unwrap();
    }
}

/// Calls the endpoints for server keys, and others on behalf of a contact, which reads that contact.
async fn call_as_server(gateway: &Gateway) {
    let mut server = Caller {
        gateway,
        token: demo::SERVER_KEY.to_owned(),
        on_behalf_of: None,
    };
    server
        .calls("POST /v1/contacts", "username=Marv&external_id=marv")
        .await;
    let marv = "/v1/contacts/external:marv";
    server.calls(&format!("POST {marv}/tokens"), "").await;
    server.calls(&format!("DELETE {marv}/tokens"), "").await;
    server.calls(&format!("POST {marv}/tokens"), "").await;
    let message = demo::message_ids().unwrap()[1];
    let linnie = Caller {
        token: demo::CONTACTS[2].token.to_owned(),
        ..server
    };
    let report = format!("POST /v1/messages/{message}/report");
    let report = linnie.calls(&report, "").await;
    linnie
        .calls(&format!("POST /v1/messages/{message}/report"), "")
        .await;
    server.calls("GET /v1/reports", "").await;
    let resolve = format!("PUT /v1/reports/{}", id(&report));
    server.calls(&resolve, "resolution=done").await;
    let update = "username=Harry&phone_number=1&avatar_url=https://example.com&external_id=harry&suspended=true&metadata[role]=thief";
    server.calls(&format!("PUT {marv}"), update).await;
    let conversation = demo::CONVERSATION_ID;
    for route in [
        "GET /v1/audit",
        &format!("GET /v1/messages?conversation_id={conversation}"),
        &format!("GET /v1/messages/{message}"),
        &format!("GET /v1/messages/{message}/edits"),
        &format!("GET /v1/attachments/{message}"),
        &format!("GET /v1/attachments/{message}/file"),
        &format!("GET /v1/conversations/{conversation}"),
    ] {
        server.calls(route, "").await;
    }
    server.on_behalf_of = Some(demo::CONTACTS[2].id);
    let attachments = format!("GET /v1/attachments?conversation_id={conversation}");
    let message = format!("DELETE /v1/messages/000000000{conversation}");
    for route in [
        &attachments,
        &message,
        "POST /v1/messages",
        "PUT /v1/messages/x",
        "GET /v1/events",
        "GET /v1/messages/x/edits",
        "POST /v1/messages/x/report",
        "POST /v1/attachments",
        "POST /v1/conversations",
        "PUT /v1/conversations/x",
        "POST /v1/conversations/x/participants",
        "PUT /v1/blocks/x",
        "GET /v1/audit",
        "GET /v1/reports",
        "PUT /v1/reports/x",
        "GET /v1/attachments/x",
        "GET /v1/attachments/x/file",
        "DELETE /v1/attachments/x",
        "DELETE /v1/conversations/x",
        "DELETE /v1/conversations/x/participants/x",
        "DELETE /v1/blocks/x",
        "GET /v1/me",
        "PUT /v1/me",
        "GET /v1/tokens",
        "POST /v1/tokens",
        "DELETE /v1/tokens",
        "DELETE /v1/tokens/x",
        "GET /v1/webhooks",
        "POST /v1/webhooks",
        "GET /v1/webhooks/x",
        "PUT /v1/webhooks/x",
        "DELETE /v1/webhooks/x",
        "POST /v1/webhooks/x/secret",
        "POST /v1/webhooks/x/test",
        "GET /v1/webhooks/x/deliveries",
        "POST /v1/webhooks/x/replay",
    ] {
        server.calls(route, "").await;
    }
}

/// Erases Kevin, after he and Kate have done what refers to Kevin in each table.
async fn erase_kevin(stack: &Stack, kevin: &Caller<'_>, kate: &Caller<'_>) {
    let demo = demo::CONVERSATION_ID;
    let kevins_id = demo::CONTACTS[0].id;
    kevin.uploads(demo).await;
    // Reactions to messages of others, and what he has read long ago.
    let list = format!("GET /v1/messages?conversation_id={demo}&limit=100");
    let page = kevin.calls(&list, "").await;
    let messages = page["data"].as_array().into_iter().flatten();
    for message in messages.filter(|message| message["contact"]["id"] != kevins_id) {
        let react = format!("PUT /v1/messages/{}", id(message));
        let form = "reactions[heart][]=KevinMcCallister&read=true";
        kevin.calls(&react, form).await;
        let report = format!("POST /v1/messages/{}/report", id(message));
        kevin.calls(&report, "").await;
    }
    let hello = format!("conversation_id={demo}&message=hello");
    let own = id(&kevin.calls("POST /v1/messages", &hello).await);
    kevin
        .calls(&format!("PUT /v1/messages/{own}"), "message=edited")
        .await;
    // A conversation of which he is the last participant, with a message of Kate.
    let form = "participants[]=Kate&name=Last";
    let alone = id(&kevin.calls("POST /v1/conversations", form).await);
    let hello = format!("conversation_id={alone}&message=hello");
    kate.calls("POST /v1/messages", &hello).await;
    kate.calls(&format!("DELETE /v1/conversations/{alone}"), "")
        .await;
    kate.calls(&format!("PUT /v1/blocks/{kevins_id}"), "").await;
    let alone = if alone.is_empty() { "none" } else { &alone };
    for (conversation, reader) in [(demo, kevins_id), (alone, "")] {
        let reads = json!({"TableName": "ReadsTable", "Item": {
            "conversation_id": {"S": conversation},
            "up_to": {"S": "1000000001"},
            "intervals": {"L": [{"S": format!("1000000000000000001000000001{reader}")}]},
        }});
        let reads = serde_json::from_value(reads).unwrap();
        stack.engine.database().put_item(reads).unwrap();
    }
    let server = Caller {
        gateway: kevin.gateway,
        token: demo::SERVER_KEY.to_owned(),
        on_behalf_of: None,
    };
    let external_id = format!("PUT /v1/contacts/{kevins_id}");
    server.calls(&external_id, "external_id=kevin").await;
    // Narrowed policies can prevent that it ends.
    for _ in 0..5 {
        let route = format!("DELETE /v1/contacts/{kevins_id}");
        if server.calls(&route, "").await["remaining"] == 0 {
            break;
        }
    }
}

/// Puts a hundred expired tokens of a contact into the table that lists them.
fn import_expired_tokens(stack: &Stack, contact: &str) {
    let tokens = (0..100).map(|number| {
        let item = json!({
            "contact_id": {"S": contact},
            "id": {"S": format!("{number:016}")},
            "token_hash": {"S": number.to_string()},
            "label": {"S": ""},
            "created_at": {"N": "1"},
            "expires_at": {"N": "1"},
        });
        serde_json::from_value::<Item>(item).unwrap()
    });
    let database = stack.engine.database();
    let options = ImportOptions::default();
    let imported = database.import_items("TokenIdsTable", tokens.collect(), options);
    assert_eq!(imported.unwrap().items_imported, 100);
}

#[test]
fn permissions_outside_of_function_policies_are_refused() {
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
fn only_a_role_that_no_function_can_assume_may_be_outside_of_a_function() {
    let role = |service: Value| {
        let principal = json!({ "Service": service });
        json!({ "AssumeRolePolicyDocument": { "Statement": [{ "Principal": principal }] } })
    };
    for (properties, is_allowed) in [
        (role(json!("guardduty.amazonaws.com")), true),
        (role(json!("lambda.amazonaws.com")), false),
        (
            role(json!(["guardduty.amazonaws.com", "lambda.amazonaws.com"])),
            false,
        ),
        (json!({}), false),
    ] {
        let mut document = document();
        document["Resources"]["Another"] =
            json!({ "Type": "AWS::IAM::Role", "Properties": properties });
        let parsed = Template::from_document(document);
        assert_eq!(parsed.is_ok(), is_allowed, "{properties}");
    }
}

#[test]
fn the_template_has_a_variable_for_every_table_and_the_keys_of_messages() {
    let template = Template::embedded().unwrap();
    let variables = template.variables.iter();
    let tables = variables.filter(|(name, _)| name.ends_with("_TABLE"));
    let named: BTreeSet<_> = tables.map(|(_, table)| table).collect();
    assert_eq!(template.tables.keys().collect::<BTreeSet<_>>(), named);
    let keys = template.tables["MessagesTable"].key_schema.to_string();
    assert!(
        keys.contains("conversation_id") && keys.contains("created_at"),
        "{keys}"
    );
}

/// Everything outside of `functions/` that has to name an endpoint.
struct Mentions {
    /// `template.yaml`.
    document: Value,
    /// The handlers of the local stack.
    mounted: BTreeSet<String>,
    /// The lines of the router of `cargo lambda watch`, in `Cargo.toml`.
    router: BTreeSet<String>,
    /// The routes that `unknown-route` knows: `GET /v1/messages/{id}`.
    known: BTreeSet<String>,
    /// The documentation.
    pages: String,
}

impl Mentions {
    fn read() -> Self {
        let router = read("Cargo.toml");
        let router = router.lines().map(str::trim);
        let router = router.filter(|line| line.starts_with("{ path = \"/"));
        let known = unknown_route::ROUTES.iter().flat_map(|(path, allow)| {
            let methods = allow.split(", ");
            methods.map(|method| format!("{method} {}", with_braces(path)))
        });
        let mut pages = read("README.md");
        for page in files("docs") {
            pages += &read(page);
        }
        Self {
            document: document(),
            mounted: functions::all()
                .into_keys()
                .chain(functions::of_streams().into_keys())
                .chain(functions::of_sockets().into_keys())
                .chain(functions::of_deliveries().into_keys())
                .map(str::to_owned)
                .collect(),
            router: router.map(str::to_owned).collect(),
            known: known.collect(),
            pages,
        }
    }

    /// Returns one line for each place that does not list a function of these folders, and for each that lists another.
    fn omissions(&self, folders: &BTreeSet<String>) -> Vec<String> {
        let mut omissions = Vec::new();
        let template = Template::from_document(self.document.clone()).unwrap();
        let in_alarms = |metric| listed(&self.document, "AWS/Lambda", metric, "FunctionName");
        let (errors, throttles) = (in_alarms("Errors"), in_alarms("Throttles"));
        let (mut router, mut known) = (self.router.clone(), self.known.clone());
        let mut binaries: BTreeMap<_, _> = template
            .functions
            .iter()
            .map(|function| (function.binary.as_str(), function))
            .collect();
        for folder in folders {
            let mut omit = |omission: String| omissions.push(format!("{folder}: {omission}"));
            if !self.mounted.contains(folder) {
                omit("the local stack mounts no handler of this name (functions.rs)".to_owned());
            }
            let Some(function) = binaries.remove(folder.as_str()) else {
                omit("no function in template.yaml has this Binary".to_owned());
                continue;
            };
            let id = &function.name;
            if *id != in_pascal_case(folder) {
                let expected = in_pascal_case(folder);
                omit(format!("template.yaml names it {id}, not {expected}"));
            }
            for (metric, listed) in [("Errors", &errors), ("Throttles", &throttles)] {
                if !listed.contains(id) {
                    omit(format!("no {metric} alarm in template.yaml lists {id}"));
                }
            }
            let mut sockets = template.socket_routes.iter();
            let has_socket = sockets.any(|(_, function)| function == id);
            if function.routes.is_empty() && function.streams.is_empty() && !has_socket {
                omit("it has no route, no stream and no socket in template.yaml".to_owned());
            }
            for route in function.routes.iter().filter(|route| *route != "$default") {
                let (method, path) = route.split_once(' ').unwrap();
                let line = format!(
                    r#"{{ path = "{path}", methods = ["{method}"], function = "{folder}" }},"#
                );
                if !router.remove(&line) {
                    omit(format!("the router in Cargo.toml lacks {line}"));
                }
                if !known.remove(route) {
                    omit(format!("ROUTES of unknown-route lacks {route}"));
                }
                if !self.documents(route) {
                    omit(format!("neither README.md nor docs/ mentions {route}"));
                }
            }
        }
        let removed = binaries.into_values();
        omissions.extend(
            removed.map(|function| format!("template.yaml: {}: no such folder", function.binary)),
        );
        let removed = self.mounted.difference(folders);
        omissions.extend(removed.map(|name| format!("local stack: {name}: no such folder")));
        omissions.extend(
            router
                .into_iter()
                .map(|line| format!("Cargo.toml: no such route: {line}")),
        );
        omissions.extend(
            known
                .into_iter()
                .map(|route| format!("unknown-route: no such route: {route}")),
        );
        omissions
    }

    /// Whether a page contains `GET /v1/messages/:id` or `GET /v1/messages/{id}`, not just as the start of a
    /// longer path.
    fn documents(&self, route: &str) -> bool {
        let with_colons = route.replace('{', ":").replace('}', "");
        [route, &with_colons].into_iter().any(|spelling| {
            let mut found = self.pages.match_indices(spelling);
            found.any(|(start, _)| {
                let next = self.pages[start + spelling.len()..].chars().next();
                !next.is_some_and(|next| next == '/' || next == '_' || next.is_alphanumeric())
            })
        })
    }
}

/// Returns the names of the folders in `functions/`.
fn folders() -> BTreeSet<String> {
    let names = files("functions").into_iter().map(|path| {
        let name = path.file_name().unwrap();
        name.to_str().unwrap().to_owned()
    });
    names.collect()
}

/// Returns the paths in a folder of the repository; in `docs`, those of Markdown files.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| folder != "docs" || path.extension().is_some_and(|kind| kind == "md"))
        .collect()
}

/// Converts `create-message` to `CreateMessage`.
fn in_pascal_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// Converts `/:id` to the template's `/{id}`.
fn with_braces(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => segment.to_owned(),
        });
    segments.collect::<Vec<_>>().join("/")
}

/// Returns the alarms of a template.
fn alarms(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let resources = document["Resources"].as_object().unwrap().iter();
    resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm")
}

/// Returns the metrics that an alarm reads, without its math expressions.
fn metrics(alarm: &Value) -> impl Iterator<Item = &Value> {
    let metrics = alarm["Properties"]["Metrics"]
        .as_array()
        .into_iter()
        .flatten();
    metrics.filter_map(|metric| metric.get("MetricStat")?.get("Metric"))
}

/// Returns the logical ids of the resources that the alarms on a metric list in this dimension.
fn listed(document: &Value, namespace: &str, metric: &str, dimension: &str) -> BTreeSet<String> {
    let metrics = alarms(document).flat_map(|(_, alarm)| metrics(alarm));
    let metrics =
        metrics.filter(|found| found["Namespace"] == namespace && found["MetricName"] == metric);
    let dimensions = metrics.flat_map(|metric| metric["Dimensions"].as_array().unwrap());
    let values = dimensions.filter(|found| found["Name"] == dimension);
    let ids = values.filter_map(|found| found["Value"]["Ref"].as_str());
    ids.map(str::to_owned).collect()
}

#[test]
fn every_endpoint_is_listed_everywhere() {
    let omissions = Mentions::read().omissions(&folders());
    assert!(omissions.is_empty(), "\n{}", omissions.join("\n"));
}

/// Returns the omissions that the unmodified project does not have.
fn added(mentions: &Mentions, to: &BTreeSet<String>) -> Vec<String> {
    let known = Mentions::read().omissions(&folders());
    let mut omissions = mentions.omissions(to);
    omissions.retain(|omission| !known.contains(omission));
    omissions
}

#[test]
fn a_function_folder_that_is_listed_nowhere_is_reported() {
    let mut folders = folders();
    folders.insert("pin-message".to_owned());
    assert_eq!(
        added(&Mentions::read(), &folders),
        [
            "pin-message: the local stack mounts no handler of this name (functions.rs)",
            "pin-message: no function in template.yaml has this Binary",
        ]
    );
}

#[test]
fn a_function_missing_from_alarms_routers_and_documentation_is_reported() {
    let mut mentions = Mentions::read();
    mentions
        .router
        .retain(|line| !line.contains("\"create-message\""));
    mentions.known.remove("POST /v1/messages");
    mentions.pages = mentions
        .pages
        .replace("POST /v1/messages", "POST /v1/messages/batch")
        .replace("POST /v1/messages/batch/:id", "POST /v1/messages/:id");
    for alarm in [
        "MessageFunctionErrorsAlarm",
        "MessageFunctionThrottlesAlarm",
    ] {
        let metrics = &mut mentions.document["Resources"][alarm]["Properties"]["Metrics"];
        let metrics = metrics.as_array_mut().unwrap();
        metrics.retain(|metric| !metric.to_string().contains("CreateMessage"));
    }
    assert_eq!(
        added(&mentions, &folders()),
        [
            "create-message: no Errors alarm in template.yaml lists CreateMessage",
            "create-message: no Throttles alarm in template.yaml lists CreateMessage",
            "create-message: the router in Cargo.toml lacks \
             { path = \"/v1/messages\", methods = [\"POST\"], function = \"create-message\" },",
            "create-message: ROUTES of unknown-route lacks POST /v1/messages",
            "create-message: neither README.md nor docs/ mentions POST /v1/messages",
        ]
    );
}

#[test]
fn leftovers_of_a_removed_endpoint_are_reported() {
    let mut folders = folders();
    folders.remove("get-me");
    assert_eq!(
        added(&Mentions::read(), &folders),
        [
            "template.yaml: get-me: no such folder",
            "local stack: get-me: no such folder",
            "Cargo.toml: no such route: \
             { path = \"/v1/me\", methods = [\"GET\"], function = \"get-me\" },",
            "unknown-route: no such route: GET /v1/me",
        ]
    );
}

#[test]
fn every_table_has_alarms_on_throttled_reads_and_writes() {
    let document = document();
    for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] {
        let listed = listed(&document, "AWS/DynamoDB", metric, "TableName");
        for table in Template::embedded().unwrap().tables.into_keys() {
            assert!(listed.contains(&table), "no {metric} alarm lists {table}");
        }
    }
}

#[test]
fn the_parameters_cap_the_throughput_of_every_table_and_global_index() {
    let document = document();
    for table in Template::embedded().unwrap().tables.into_keys() {
        let properties = &document["Resources"][&table]["Properties"];
        let indexes = properties["GlobalSecondaryIndexes"].as_array();
        for capped in indexes.into_iter().flatten().chain([properties]) {
            let cap = &capped["OnDemandThroughput"];
            for parameter in ["MaxReadUnits", "MaxWriteUnits"] {
                let reference = json!({ "Ref": parameter }).to_string();
                assert!(cap.to_string().contains(&reference), "{table}: {capped}");
            }
        }
    }
}

#[test]
fn alarms_have_at_most_ten_metrics_with_distinct_ids() {
    let document = document();
    for (name, alarm) in alarms(&document) {
        assert!(
            metrics(alarm).count() <= 10,
            "{name}: CloudWatch allows ten metrics per alarm"
        );
        let all = alarm["Properties"]["Metrics"]
            .as_array()
            .into_iter()
            .flatten();
        let ids: Vec<_> = all.map(|metric| metric["Id"].as_str().unwrap()).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{name}: {ids:?}");
    }
}

#[test]
fn every_alarm_on_function_errors_rolls_back_a_deployment() {
    let document = document();
    let preference = &document["Globals"]["Function"]["DeploymentPreference"]["Alarms"];
    let preference = preference.to_string();
    let on_errors = alarms(&document).filter(|(_, alarm)| {
        metrics(alarm)
            .any(|metric| metric["Namespace"] == "AWS/Lambda" && metric["MetricName"] == "Errors")
    });
    let names: Vec<_> = on_errors.map(|(name, _)| name).collect();
    assert!(!names.is_empty());
    for name in names {
        let reference = json!({ "Ref": name }).to_string();
        assert!(
            preference.contains(&reference),
            "{name} is not in DeploymentPreference"
        );
    }
}

/// A restored table has no stream.
#[test]
fn the_streams_of_restored_tables_are_documented() {
    let document = document();
    let operations = read("docs/operations.md");
    let mut names = Vec::new();
    for (id, resource) in document["Resources"].as_object().unwrap() {
        // Other tables cannot be restored.
        if resource["Properties"]["PointInTimeRecoverySpecification"].is_null() {
            continue;
        }
        let view = &resource["Properties"]["StreamSpecification"]["StreamViewType"];
        let Some(view) = view.as_str() else { continue };
        let name = id.strip_suffix("Table").unwrap();
        assert!(operations.contains(&format!(" {name}={view}")), "{name}");
        names.push(name);
    }
    let lists = operations.lines().filter_map(|line| {
        let rest = line.trim().strip_prefix("for table in ")?;
        Some(rest.strip_suffix("; do")?.split(' ').collect::<Vec<_>>())
    });
    let lists: Vec<_> = lists.collect();
    let has_all = |list: &Vec<&str>| {
        list.len() == names.len() && names.iter().all(|name| list.contains(name))
    };
    assert!(lists.iter().any(has_all), "{names:?}: {lists:?}");
}
