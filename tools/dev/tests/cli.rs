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
    assert!(output.contains("MESSAGES_TABLE=MessagesTable"), "{output}");
    assert!(
        output.contains("DYNAMODB_ENDPOINT=http://127.0.0.1:"),
        "{output}"
    );
    interrupt(process);
}
