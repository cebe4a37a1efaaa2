//! What the functions are compared with, built from `others/`: the floor (no SDK), the SDK as its
//! documentation sets it up, and the bare SDK making a function's calls.

use std::path::{Path, PathBuf};

use dev::{Error, demo};
use serde_json::{Value, json};
use shared::caller::Caller;
use shared::id::MessageId;
use tokio::process::Command;

use crate::binary::Subject;
use crate::fixture::World;

/// The functions whose calls the bare SDK can make.
const IMITATED: [&str; 3] = ["get-message", "list-messages", "create-message"];

/// All of them.
pub async fn all(target: &Path, world: &World) -> Result<Vec<Subject>, Error> {
    let caller = Caller::with_token("citypay_demo_kevin");
    let message: MessageId = world.message.parse()?;
    let one_item = json!({"GetItem": {
        "TableName": "TokensTable",
        "Key": {"token_hash": {"S": caller.token_hash()}},
        "ConsistentRead": true,
    }});
    let mut all = vec![
        subject("floor", build("floor", target).await?, one_item.clone()),
        subject(
            "sdk-defaults",
            build("sdk-defaults", target).await?,
            one_item,
        ),
    ];
    let sdk = build("sdk", target).await?;
    for function in IMITATED {
        let event = json!({
            "calls": function,
            "token_hash": caller.token_hash(),
            "conversation_id": demo::CONVERSATION,
            "created_at": message.created_at().0,
            "contact_id": demo::PEOPLE[0].id,
        });
        all.push(subject(&format!("sdk: {function}"), sdk.clone(), event));
    }
    Ok(all)
}

fn subject(name: &str, binary: PathBuf, event: Value) -> Subject {
    Subject {
        name: name.to_owned(),
        binary,
        event: Some(event),
    }
}

/// Builds one of them by itself; where it is.
async fn build(name: &str, target: &Path) -> Result<PathBuf, Error> {
    let target = target.join("others");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--package", name])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/baselines"))
        .status();
    if !status.await?.success() {
        return Err(format!("{name} cannot be built").into());
    }
    Ok(target.join("release").join(name))
}
