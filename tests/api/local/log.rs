//! The log: one line per request, without private data.

use serde_json::{Value, json};
use shared::time::{Clock, Micros};

use crate::harness::{World, whole_log};

#[tokio::test]
async fn each_request_logs_one_line_with_its_cost() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let line = world.kate.gets_message(&id).await.is(200).log_line();
    assert_eq!(line["operation"], "get-message");
    assert_eq!(line["status"], 200);
    assert_eq!(line["contact_id"], json!(world.kate.id));
    assert_eq!(line["dynamodb_calls"], 2);
    assert_eq!(line["round_trips"], 2);
    assert_eq!(line["read_units"], 5.0);
    assert_eq!(line["write_units"], 0.0);
    assert_eq!(line["level"], "INFO");
    let sent = world.kevin.tries_to_send("hello").await.is(201).log_line();
    assert_eq!(sent["read_units"], 4.0);
    assert_eq!(sent["write_units"], 18.0);
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(line["cold_start"].is_boolean());
}

#[tokio::test]
async fn units_that_dynamodb_charges_and_does_not_report_are_logged_as_an_estimate() {
    let world = World::active().await;
    let first = world.kevin.sends_with_key("key", "hello").await.is(201);
    assert_eq!(first.log_line()["unreported_units"], 0.0);
    // The transaction is canceled: message, idempotency key and three inbox entries, 2 each.
    let replayed = world.kevin.sends_with_key("key", "hello").await.is(201);
    assert_eq!(replayed.log_line()["unreported_units"], 10.0);
    // Another instance tries to write `last_active_at`, which is less than a minute old.
    let kevin = world.kevin.at(&world.host().start().await);
    let line = kevin.gets("/v1/me").await.is(200).log_line();
    assert_eq!(
        (&line["write_units"], &line["unreported_units"]),
        (&json!(0.0), &json!(1.0))
    );
}

#[tokio::test]
async fn a_refused_request_logs_its_error_code() {
    let world = World::active().await;
    let line = world
        .kevin
        .lists_messages("limit=0")
        .await
        .is(400)
        .log_line();
    assert_eq!(
        (&line["error"], &line["contact_id"]),
        (&json!("parameter_invalid"), &json!(world.kevin.id))
    );
    let line = world.anonymous.lists_messages("").await.is(401).log_line();
    assert_eq!(
        (&line["error"], &line["contact_id"]),
        (&json!("token_missing"), &json!(null))
    );
}

#[tokio::test]
async fn only_documented_lines_are_logged_and_none_of_a_failed_condition() {
    let world = World::active().await;
    let kevin = &world.kevin;
    for _ in 0..2 {
        // The second time, the transaction is canceled.
        kevin.sends_with_key("key", "hello").await.is(201);
    }
    // The condition of an update fails.
    let soon = Micros(Clock::system().now().0 + 30_000_000);
    let host = world.host().clock(move || soon).start().await;
    kevin.at(&host).gets("/v1/me").await.is(200);
    // Other tests have written to the same log, by now or not.
    let documented = include_str!("../../../docs/operations.md");
    for line in whole_log().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let message = line["message"].as_str().unwrap();
        let is_documented = documented.contains(&format!("| `{message}` |"))
            || documented.contains(&format!("`message = \"{message}\"`"))
            || message == "request";
        assert!(is_documented || line["level"] == "ERROR", "{line}");
    }
}

#[tokio::test]
async fn the_cause_of_a_500_is_logged_and_not_sent_to_the_client() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let request = serde_json::from_value(json!({"TableName": "ContactsTable"})).unwrap();
    world.engine().database().delete_table(request).unwrap();
    let response = world
        .kevin
        .gets_message(&id)
        .await
        .fails(500, "internal", ());
    for secret in ["ContactsTable", "ResourceNotFound", "DynamoDB", "table"] {
        assert!(!response.text.contains(secret), "{}", response.text);
    }
    let line = response.log_line();
    assert_eq!(line["level"], "ERROR");
    let error = line["error"].as_str().unwrap();
    assert!(
        error.starts_with("internal: ") && error.contains("ResourceNotFoundException"),
        "{error}"
    );
}

#[tokio::test]
async fn tokens_phone_numbers_and_texts_are_not_logged() {
    let world = World::active().await;
    let text = "private-text-of-a-message";
    let id = world.kevin.sends(text).await;
    world.kate.gets_message(&id).await.is(200);
    world.kate.lists_messages("").await.is(200);
    world.kate.reacts(&id, "heart").await.is(200);
    world
        .kevin
        .updates_message(&id, format!("message={text}2"))
        .await
        .is(200);
    world.kevin.updates_message(&id, text).await.is(400);
    world
        .kevin
        .updates_message(&id, format!("{text}=1"))
        .await
        .is(400);
    world
        .kevin
        .posts("/v1/messages", ("application/json", text.as_bytes()))
        .await
        .is(400);
    world
        .kevin
        .lists_messages(&format!("limit={text}"))
        .await
        .is(400);
    world.kevin.gets_message(text).await.is(404);
    world
        .kevin
        .with_token(text)
        .lists_messages("")
        .await
        .is(401);
    world.kevin.deletes_message(&id).await.is(204);
    let request = serde_json::from_value(json!({"TableName": "ContactsTable"})).unwrap();
    world.engine().database().delete_table(request).unwrap();
    world.kevin.tries_to_send(text).await.is(500);
    let log = whole_log();
    assert!(
        log.contains(&world.kevin.id.to_string()),
        "the requests are logged"
    );
    for secret in [
        text,
        &world.kevin.token,
        &world.kate.token,
        &world.kevin.phone_number(),
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}
