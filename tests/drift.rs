//! `template.yaml`, the handlers, the alarms, the routers and the documentation list the same endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::Request;
use futures_util::future::try_join_all;
use local_stack::demo;
use local_stack::functions;
use local_stack::gateway::Gateway;
use local_stack::stack::Stack;
use local_stack::template::{self, Template};
use serde_json::{Value, json};
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
fn a_variable_that_does_not_refer_to_a_table_is_refused() {
    let mut document = document();
    variables(&mut document)["INBOX_TABLE"] = json!({ "Ref": "OutboxTable" });
    let error = Template::from_document(document).unwrap_err().to_string();
    assert!(error.contains("INBOX_TABLE"), "{error}");
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
        "most functions have several statements: {added:?}"
    );
}

/// Returns variants of the template that grant this function less: one variant without each statement of its
/// policies, and one without each table of a statement that lists several.
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
    /// Sends a request; returns the JSON of the response, or null if the body is empty or not JSON.
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
        let response = self.gateway.handle(request).await;
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
        serde_json::from_slice(&body.unwrap()).unwrap_or_default()
    }
}

/// Calls every function so that it uses all of its DynamoDB operations, under the policies of this template.
/// Returns the permissions that were denied, and those that were granted and not used.
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
    let conversation = demo::CONVERSATION_ID;
    let [message, unread] = demo::message_ids().unwrap();

    kevin.calls("GET /v1/messages", "").await;
    let list = format!("GET /v1/messages?conversation_id={conversation}");
    kevin.calls(&list, "").await;
    let hello = format!("conversation_id={conversation}&message=hello");
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
        .calls(&format!("GET /v1/conversations/{conversation}"), "")
        .await;
    kevin
        .calls(&format!("PUT /v1/conversations/{pair}"), "name=Brothers")
        .await;
    let read = format!("read_up_to={unread}");
    kevin
        .calls(&format!("PUT /v1/conversations/{conversation}"), &read)
        .await;
    let others = format!("POST /v1/conversations/{pair}/participants");
    kevin.calls(&others, "participants[]=KateMcCallister").await;
    // The last participant to leave, or to be removed, deletes the messages.
    for (collection, last) in [("conversations", &buzz), ("participants", &kate)] {
        let temporary = last.calls("POST /v1/conversations", "participants[]=KevinMcCallister");
        let temporary = id(&temporary.await);
        let hello = format!("conversation_id={temporary}&message=hello");
        last.calls("POST /v1/messages", &hello).await;
        for person in [&kevin, last] {
            let me = id(&person.calls("GET /v1/me", "").await);
            let route = match collection {
                "conversations" => format!("DELETE /v1/conversations/{temporary}"),
                _ => format!("DELETE /v1/conversations/{temporary}/participants/{me}"),
            };
            person.calls(&route, "").await;
        }
    }

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
fn the_template_has_a_variable_for_every_table_and_the_keys_of_messages() {
    let template = Template::embedded().unwrap();
    let named: BTreeSet<_> = template.variables.values().collect();
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
            mounted: functions::all().into_keys().map(str::to_owned).collect(),
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
            if function.routes.is_empty() {
                omit("it has no route in template.yaml".to_owned());
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
        .replace("POST /v1/messages", "POST /v1/messages/batch");
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
