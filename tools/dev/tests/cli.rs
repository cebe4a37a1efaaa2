//! Tests of the command line of `cargo dev`.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn dev(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dev"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command that must exit with `status`; returns its error output.
fn error_of(arguments: &[&str], status: i32) -> String {
    let output = dev(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn help_and_version_print_the_name_cargo_dev() {
    for (argument, expected) in [("--help", "Usage: cargo dev "), ("--version", "cargo dev ")] {
        let Output { status, stdout, .. } = dev(&[argument]).output().unwrap();
        let text = String::from_utf8(stdout).unwrap();
        assert!(status.success() && text.contains(expected), "{text}");
    }
}

#[test]
fn invalid_arguments_print_a_one_line_error() {
    let folder = tempfile::tempdir().unwrap();
    let not_a_database = folder.path().join("text");
    std::fs::write(&not_a_database, "hello").unwrap();
    let other_listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other_listener.local_addr().unwrap().port().to_string();
    for (arguments, status, expected) in [
        (vec!["--port", "70000"], 2, "--port"),
        (vec!["--port", "many"], 2, "many"),
        (vec!["--prot", "1"], 2, "--prot"),
        (vec!["--prot", "1"], 2, "'--port'"),
        (vec!["extra"], 2, "extra"),
        (vec!["--export", "folder"], 2, "--server"),
        (vec!["--port", &port], 1, port.as_str()),
        (vec!["--host", "256.0.0.1"], 1, "256.0.0.1"),
        (
            vec!["--port", "0", "--data", "/nowhere/at/all.db"],
            1,
            "/nowhere/at/all.db",
        ),
        (
            vec!["--port", "0", "--data", not_a_database.to_str().unwrap()],
            1,
            "text",
        ),
    ] {
        let error = error_of(&arguments, status);
        assert!(
            error.starts_with("error: ") && error.contains(expected),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn limits_come_from_the_environment_and_an_invalid_one_is_named() {
    let mut command = dev(&["--port", "0"]);
    let output = command.env("BUDGET_UNITS", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("error: ") && error.contains("BUDGET_UNITS"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_data_file_with_a_table_whose_keys_differ_from_the_template_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let database = dynoxide::Database::new(file.path().to_str().unwrap()).unwrap();
    let table = serde_json::json!({
        "TableName": "MessagesTable",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    database
        .create_table(serde_json::from_value(table).unwrap())
        .unwrap();
    drop(database);
    let error = error_of(&["--port", "0", "--data", file.path().to_str().unwrap()], 1);
    assert!(error.contains("MessagesTable"), "{error}");
}

/// Starts the command and waits until it has printed `last_line`; returns the process and its output.
fn start(arguments: &[&str], last_line: &str) -> (Child, String) {
    use std::io::{BufRead, BufReader};
    let mut process = dev(arguments).spawn().unwrap();
    let mut output = String::new();
    let mut lines = BufReader::new(process.stdout.take().unwrap());
    while !output
        .lines()
        .last()
        .unwrap_or_default()
        .contains(last_line)
    {
        assert_ne!(
            lines.read_line(&mut output).unwrap(),
            0,
            "the process exited: {output}"
        );
    }
    // Keeps reading, so that the process does not block on a full pipe.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (process, output)
}

/// Sends SIGINT and checks that the process exits successfully.
#[cfg(unix)]
fn interrupt(mut process: Child) {
    let kill = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "the process does not exit"
        );
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_has_url_tokens_and_commands_and_an_interrupt_exits_cleanly() {
    let (process, output) = start(&["--port", "0"], "-X DELETE");
    let url = output
        .lines()
        .next()
        .unwrap()
        .split(' ')
        .find(|word| word.starts_with("http://"))
        .unwrap();
    for token in [
        "citypay_demo_kevin",
        "citypay_demo_kate",
        "citypay_demo_linnie",
        "citypay_demo_buzz",
    ] {
        assert!(output.contains(token), "{output}");
    }
    let greeting = output.lines().next().unwrap();
    let at_default_port = greeting.replace(url, "http://127.0.0.1:3000");
    let readme = include_str!("../../../README.md");
    assert!(
        readme.lines().any(|line| line == at_default_port),
        "README.md quotes the greeting: {at_default_port}"
    );
    let curl_lines: Vec<_> = output
        .lines()
        .filter(|line| line.trim().starts_with("curl "))
        .collect();
    assert_eq!(curl_lines.len(), 5);
    assert!(curl_lines.iter().all(|line| line.contains(url)));
    let request = reqwest::Client::new().get(format!("{url}/v1/messages"));
    let response = request
        .header("authorization", "Bearer citypay_demo_kevin")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    // The client still holds its connection open.
    interrupt(process);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn engine_only_prints_the_environment_variables_of_the_functions() {
    let (process, output) = start(&["--", "--engine-only", "--port", "0"], "AWS_REGION");
    for variable in ["MESSAGES_TABLE=MessagesTable", "BUDGET_UNITS=100000"] {
        assert!(output.contains(variable), "{output}");
    }
    assert!(
        output.contains("DYNAMODB_ENDPOINT=http://127.0.0.1:"),
        "{output}"
    );
    interrupt(process);
}

/// Returns the URL in a greeting.
fn url(greeting: &str) -> String {
    let mut words = greeting.split_whitespace();
    words
        .find(|word| word.starts_with("http://"))
        .unwrap()
        .to_owned()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_data_file_with_the_demo_data_shows_the_tokens_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.db");
    let arguments = ["--port", "0", "--data", file.to_str().unwrap()];
    for _ in 0..2 {
        let (process, output) = start(&arguments, "-X DELETE");
        assert!(output.contains("citypay_demo_kevin"), "{output}");
        interrupt(process);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_is_html_for_browsers_and_text_for_curl_on_this_machine_only() {
    let (process, output) = start(&["--port", "0"], "-X DELETE");
    let url = url(&output);
    let get = async |accept: &str, host: Option<&str>| {
        let request = reqwest::Client::new().get(&url).header("accept", accept);
        let request = match host {
            Some(host) => request.header("host", host),
            None => request,
        };
        let response = request.send().await.unwrap();
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (kind, response.text().await.unwrap())
    };
    let (kind, html) = get("text/html,application/xhtml+xml", None).await;
    assert_eq!(kind, "text/html; charset=utf-8");
    assert!(html.contains("citypay_demo_kevin") && html.contains("&lt;") == output.contains('<'));
    let (kind, text) = get("*/*", None).await;
    assert_eq!(kind, "text/plain; charset=utf-8");
    assert_eq!(text.trim_end(), output.trim_end());
    for accept in ["text/html", "*/*"] {
        let (_, page) = get(accept, Some("attacker.example.com")).await;
        assert!(!page.contains("citypay_demo"), "{page}");
    }
    let people = format!("{url}/chat/setup.json");
    for (host, is_listed) in [("localhost", true), ("attacker.example.com", false)] {
        let request = reqwest::Client::new().get(&people).header("host", host);
        let text = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(text.contains("citypay_demo_kevin"), is_listed, "{text}");
    }
    interrupt(process);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_this_machine_and_of_given_origins_may_call_the_api() {
    let arguments = ["--port", "0", "--cors-origin", "https://app.example.com"];
    let (process, output) = start(&arguments, "-X DELETE");
    let url = format!("{}/v1/me", url(&output));
    let client = reqwest::Client::new();
    for (origin, is_allowed) in [
        ("http://localhost:5173", true),
        ("https://app.example.com", true),
        ("https://example.com", false),
        ("null", false),
    ] {
        let preflight = client.request(reqwest::Method::OPTIONS, &url);
        let preflight = preflight
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "authorization");
        let get = client.get(&url).header("origin", origin);
        let get = get.header("authorization", "Bearer citypay_demo_kevin");
        for request in [preflight, get] {
            let response = request.send().await.unwrap();
            let allowed = response.headers().get("access-control-allow-origin");
            let allowed = allowed.map(|allowed| allowed.to_str().unwrap());
            assert_eq!(allowed, is_allowed.then_some(origin));
        }
    }
    let response = client
        .get(&url)
        .header("origin", "http://localhost:5173")
        .send();
    let response = response.await.unwrap();
    let exposed = response.headers()["access-control-expose-headers"]
        .to_str()
        .unwrap();
    assert!(exposed.contains("x-request-id"), "{exposed}");
    interrupt(process);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_written_to_standard_error_in_the_chosen_format() {
    use std::io::Read;
    for (format, expected) in [
        ("text", " 200 get-me KevinMcCallister "),
        ("json", r#""operation":"get-me""#),
        ("off", ""),
    ] {
        let (mut process, output) = start(&["--port", "0", "--log", format], "-X DELETE");
        let request = reqwest::Client::new().get(format!("{}/v1/me", url(&output)));
        let request = request.header("authorization", "Bearer citypay_demo_kevin");
        assert_eq!(request.send().await.unwrap().status(), 200);
        let mut stderr = process.stderr.take().unwrap();
        interrupt(process);
        let mut log = String::new();
        stderr.read_to_string(&mut log).unwrap();
        assert!(
            log.contains(expected) && log.is_empty() == expected.is_empty(),
            "{log}"
        );
        assert!(!log.contains("citypay_demo"), "{log}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_requests_shows_what_they_cost_to_this_machine_only() {
    let (process, output) = start(&["--port", "0", "--log", "off"], "-X DELETE");
    let url = url(&output);
    let client = reqwest::Client::new();
    let request = client.get(format!("{url}/v1/me"));
    let request = request.header("authorization", "Bearer citypay_demo_kevin");
    assert_eq!(request.send().await.unwrap().status(), 200);
    let page = client.get(format!("{url}/requests"));
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("<td>get-me</td><td>KevinMcCallister</td>"),
        "{page}"
    );
    assert!(!page.contains("citypay_demo"), "{page}");
    let page = client.get(format!("{url}/requests"));
    let page = page.header("host", "attacker.example.com").send().await;
    assert_eq!(page.unwrap().status(), 403);
    interrupt(process);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_has_a_token_on_this_machine_only_and_its_document_the_codes_and_rules() {
    let (process, output) = start(&["--port", "0"], "-X DELETE");
    let url = url(&output);
    let get = async |path: &str, host: &str| {
        let request = reqwest::Client::new().get(format!("{url}{path}"));
        let response = request.header("host", host).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let policy = response.headers()["content-security-policy"].to_str();
        assert!(policy.unwrap().starts_with("default-src 'none';"), "{path}");
        response.text().await.unwrap()
    };
    for (host, has_token) in [("localhost", true), ("attacker.example.com", false)] {
        let page = get("/docs", host).await;
        assert_eq!(page.contains("citypay_demo_kevin"), has_token, "{page}");
        assert!(page.contains("connect-src 'self';"), "{page}");
    }
    assert!(
        get("/docs/docs.js", "localhost")
            .await
            .contains("createApiReference")
    );
    assert!(get("/docs/scalar.js", "localhost").await.len() > 1_000_000);

    let text = get("/openapi.json", "localhost").await;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let send = &document["paths"]["/v1/messages"]["post"];
    let not_found = send["responses"]["404"]["description"].as_str().unwrap();
    let code = "\n- `attachment_not_found`: does not exist, has expired";
    assert!(not_found.contains(code), "{not_found}");
    let rules = send["description"].as_str().unwrap();
    assert!(rules.contains("\n- `message`: Required without"), "{rules}");
    let shared = &document["components"]["responses"]["Unauthorized"]["description"];
    let shared = shared.as_str().unwrap();
    assert!(
        shared.starts_with("There is no valid token.\n\n- `token_invalid`: malformed"),
        "{shared}"
    );
    assert!(!text.contains(".md"), "a link to a document");
    let tag = document["tags"][1]["description"].as_str().unwrap();
    assert!(tag.contains(" is sent in three steps: "), "{tag}");
    let field = |name: &str, field: &str| {
        document["components"]["schemas"][name]["properties"][field]["description"].clone()
    };
    let of_form = field("CreateMessageForm", "attachments[]");
    assert_eq!(of_form, field("CreateMessage", "attachments"));
    assert!(of_form.is_string());
    assert_eq!(document["servers"][0]["url"], "http://localhost");
    let elsewhere = get("/openapi.json", "attacker.example.com").await;
    assert!(elsewhere.contains(r#""servers":[{"url":"/"}]"#));
    // As in the source: the id first, not by the alphabet.
    let contact = text.split_once(r#""Contact":"#).unwrap().1;
    let (id, username) = (contact.find(r#""id":{"#), contact.find(r#""username":{"#));
    assert!(id < username && username < contact.find(r#""avatar_url":{"#));
    interrupt(process);
}

#[test]
fn the_reference_can_be_exported_for_an_api() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("reference");
    let export = |server| {
        dev(&["--export", target.to_str().unwrap(), "--server", server])
            .output()
            .unwrap()
    };
    for server in [
        "api.example.com",
        "ftp://api.example.com/",
        "https://api.example.com/v1",
        "https://a b",
    ] {
        let output = export(server);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{server}: {error}");
        assert!(error.contains(server), "{error}");
    }
    let output = export("https://api.example.com/");
    assert!(output.status.success(), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(target.join(name)).unwrap();
    let page = read("index.html");
    assert!(
        page.contains("connect-src 'self' https://api.example.com;"),
        "{page}"
    );
    assert!(
        !page.contains("citypay_demo") && !page.contains("{{"),
        "{page}"
    );
    let document: serde_json::Value = serde_json::from_str(&read("openapi.json")).unwrap();
    assert_eq!(document["servers"][0]["url"], "https://api.example.com");
    for name in page
        .split("src=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
    {
        assert!(!read(name).is_empty(), "{name}");
    }
}
