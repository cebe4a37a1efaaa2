//! Builds the baselines of tools/bench/baselines: `floor` (no SDK), `sdk-defaults` (the SDK configured as in its
//! documentation), and `sdk` (the SDK configured as in the functions, with the DynamoDB calls of one function).

use std::path::{Path, PathBuf};

use local_stack::{Error, demo};
use serde_json::{Value, json};
use shared::caller::Caller;
use shared::id::MessageId;
use tokio::process::Command;

use crate::binary::Binary;
use crate::fixture::Fixture;

/// The functions whose DynamoDB calls `sdk` reproduces.
const SDK_FUNCTIONS: [&str; 3] = ["get-message", "list-messages", "create-message"];

pub async fn build_all(target_directory: &Path, fixture: &Fixture) -> Result<Vec<Binary>, Error> {
    let caller = Caller::with_token("citypay_demo_kevin");
    let message: MessageId = fixture.message_id.parse()?;
    let get_item = json!({"GetItem": {
        "TableName": "TokensTable",
        "Key": {"token_hash": {"S": caller.token_hash()}},
        "ConsistentRead": true,
    }});
    let mut binaries = vec![
        baseline(
            "floor",
            build("floor", target_directory).await?,
            get_item.clone(),
        ),
        baseline(
            "sdk-defaults",
            build("sdk-defaults", target_directory).await?,
            get_item,
        ),
    ];
    let sdk = build("sdk", target_directory).await?;
    for function in SDK_FUNCTIONS {
        let event = json!({
            "calls": function,
            "token_hash": caller.token_hash(),
            "conversation_id": demo::CONVERSATION_ID,
            "created_at": message.created_at().0,
            "contact_id": demo::CONTACTS[0].id,
        });
        binaries.push(baseline(&format!("sdk: {function}"), sdk.clone(), event));
    }
    Ok(binaries)
}

fn baseline(name: &str, path: PathBuf, event: Value) -> Binary {
    Binary {
        name: name.to_owned(),
        path,
        event: Some(event),
    }
}

/// Builds one package and returns the path of its binary.
async fn build(name: &str, target_directory: &Path) -> Result<PathBuf, Error> {
    let target_directory = target_directory.join("baselines");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--package", name])
        .arg("--target-dir")
        .arg(&target_directory)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/baselines"))
        .status();
    if !status.await?.success() {
        return Err(format!("cargo cannot build {name}").into());
    }
    Ok(target_directory.join("release").join(name))
}
