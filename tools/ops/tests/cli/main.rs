//! Tests of the command line of `cargo ops`, mostly with the data file of a local stack.

mod contacts_and_tokens;
mod conversations;
mod deployed;
mod doctor;
mod erase;
mod harness;
mod json;
mod smoke;
mod usernames;

use std::process::Command;

use harness::{ops, run};

#[test]
fn help_version_and_completion_need_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    assert!(ops(&data, &["--help"]).contains("contact"));
    assert!(ops(&data, &["completion", "bash"]).contains("complete"));
    assert!(ops(&data, &["completion", "--help"]).contains("`ops`"));
    assert!(!data.exists(), "no data file is created");
    assert_eq!(run(&data, &["contact", "remove"]).status.code(), Some(2));
    assert!(ops(&data, &["--help"]).contains("Usage: cargo ops "));
    assert!(ops(&data, &["--version"]).starts_with("cargo ops "));
}

#[test]
fn a_command_without_a_store_is_a_usage_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_ops"))
        .env_clear()
        .args(["contact", "list"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("specify --data or --stack"), "{error}");
}
