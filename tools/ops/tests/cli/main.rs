//! `cargo ops` as an operator types it, on the data file of a local stack.

mod conversations;
mod deployed;
mod doctor;
mod erase;
mod harness;
mod people;

use harness::{ops, run};

#[test]
fn it_helps() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("chat.db");
    assert!(ops(&data, &["--help"]).contains("contact"));
    assert!(ops(&data, &["completion", "bash"]).contains("complete"));
    assert!(ops(&data, &["completion", "--help"]).contains("`ops`"));
    assert!(!data.exists(), "neither needs a store");
    assert_eq!(run(&data, &["contact", "remove"]).status.code(), Some(2));
}
