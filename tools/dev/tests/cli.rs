//! `cargo dev` as one types it.

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

/// The error of a command that ends with this exit status.
fn error_of(arguments: &[&str], status: i32) -> String {
    let output = dev(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn help_and_version_name_the_command_as_it_is_typed() {
    for (argument, expected) in [("--help", "Usage: cargo dev "), ("--version", "cargo dev ")] {
        let Output { status, stdout, .. } = dev(&[argument]).output().unwrap();
        let text = String::from_utf8(stdout).unwrap();
        assert!(status.success() && text.contains(expected), "{text}");
    }
}

#[test]
fn bad_values_are_one_line_errors() {
    let folder = tempfile::tempdir().unwrap();
    let no_database = folder.path().join("text");
    std::fs::write(&no_database, "hello").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, status, culprit) in [
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
            vec!["--port", "0", "--data", no_database.to_str().unwrap()],
            1,
            "text",
        ),
    ] {
        let error = error_of(&arguments, status);
        assert!(
            error.starts_with("error: ") && error.contains(culprit),
            "{error}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_table_with_other_keys_than_the_template_is_refused() {
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

/// Waits for the greeting; the process and what it output.
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
            "it ended: {output}"
        );
    }
    // Whoever stops reading must not stop the other from writing.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (process, output)
}

#[cfg(unix)]
fn interrupt(mut process: Child) {
    let kill = Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_it_is_and_what_to_type_and_ends_cleanly() {
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
    let samples: Vec<_> = output
        .lines()
        .filter(|line| line.trim().starts_with("curl "))
        .collect();
    assert_eq!(samples.len(), 5);
    assert!(samples.iter().all(|sample| sample.contains(url)));
    let request = reqwest::Client::new().get(format!("{url}/v1/messages"));
    let answer = request
        .header("authorization", "Bearer citypay_demo_kevin")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    // A client that holds its connection open does not hold up the end.
    interrupt(process);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_alone_says_what_functions_need() {
    let (process, output) = start(&["--", "--engine-only", "--port", "0"], "AWS_REGION");
    assert!(output.contains("MESSAGES_TABLE=MessagesTable"), "{output}");
    assert!(
        output.contains("DYNAMODB_ENDPOINT=http://127.0.0.1:"),
        "{output}"
    );
    interrupt(process);
}
