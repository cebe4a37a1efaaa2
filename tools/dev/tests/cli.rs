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

/// What a command says that cannot start.
fn refusal(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = dev(arguments).output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn bad_values_are_one_line_errors() {
    let folder = tempfile::tempdir().unwrap();
    let no_database = folder.path().join("text");
    std::fs::write(&no_database, "hello").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, culprit) in [
        (vec!["--port", "70000"], "--port"),
        (vec!["--port", "many"], "many"),
        (vec!["--prot", "1"], "--prot"),
        (vec!["extra"], "extra"),
        (vec!["--port", &port], port.as_str()),
        (vec!["--host", "256.0.0.1"], "256.0.0.1"),
        (
            vec!["--port", "0", "--data", "/nowhere/at/all.db"],
            "/nowhere/at/all.db",
        ),
        (
            vec!["--port", "0", "--data", no_database.to_str().unwrap()],
            "text",
        ),
    ] {
        let error = refusal(&arguments);
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
    let error = refusal(&["--port", "0", "--data", file.path().to_str().unwrap()]);
    assert!(error.contains("MessagesTable"), "{error}");
}

/// Waits for the greeting; the process and what it said.
fn started(arguments: &[&str], last_line: &str) -> (Child, String) {
    use std::io::{BufRead, BufReader};
    let mut process = dev(arguments).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(process.stdout.take().unwrap());
    while !said.lines().last().unwrap_or_default().contains(last_line) {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "it ended: {said}");
    }
    // Whoever stops reading must not stop the other from writing.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (process, said)
}

#[cfg(unix)]
fn interrupts(mut process: Child) {
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
    let (process, said) = started(&["--port", "0"], "-X DELETE");
    let url = said
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
        assert!(said.contains(token), "{said}");
    }
    let samples: Vec<_> = said
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
    interrupts(process);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_alone_says_what_functions_need() {
    let (process, said) = started(&["--", "--engine-only", "--port", "0"], "AWS_REGION");
    assert!(said.contains("MESSAGES_TABLE=MessagesTable"), "{said}");
    assert!(
        said.contains("DYNAMODB_ENDPOINT=http://127.0.0.1:"),
        "{said}"
    );
    interrupts(process);
}
