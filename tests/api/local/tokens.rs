//! Tokens: races, large numbers, and when they were last used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dynoxide::types::AttributeValue;
use futures_util::future::{join, join_all, join3};
use serde_json::{Value, json};
use shared::Error;
use shared::caller::Caller;
use shared::id::TokenId;
use shared::key::Scope;
use shared::store::Admin;
use shared::time::{Clock, Micros};
use shared::token::Label;

use super::cost::{import, string};
use crate::harness::{Fault, Person, Proxy, World};

const MINUTE: u64 = 60_000_000;
const HOUR: u64 = 60 * MINUTE;

/// Waits until all faults have been injected, so that the last of these calls is in progress.
async fn wait_for(proxy: &Proxy) {
    while !proxy.is_done() {
        tokio::task::yield_now().await;
    }
}

/// Counts the items of Kevin in a table.
fn count_of_kevin(world: &World, table: &str) -> u64 {
    let request = json!({
        "TableName": table,
        "Select": "COUNT",
        "FilterExpression": "contact_id = :kevin",
        "ExpressionAttributeValues": {":kevin": {"S": world.kevin.id.to_string()}},
    });
    let request = serde_json::from_value(request).unwrap();
    let page = world.engine().database().scan(request).unwrap();
    let page = serde_json::to_value(page).unwrap();
    assert!(page["LastEvaluatedKey"].is_null(), "more than a page");
    page["Count"].as_u64().unwrap()
}

/// The names of the attributes of Kevin that have when a token was last used.
fn used_attributes(world: &World) -> Vec<String> {
    let key =
        json!({"TableName": "ContactsTable", "Key": {"id": {"S": world.kevin.id.to_string()}}});
    let key = serde_json::from_value(key).unwrap();
    let found = world.engine().database().get_item(key).unwrap();
    let item = serde_json::to_value(found).unwrap()["Item"].clone();
    let names = item.as_object().unwrap().keys();
    let used = names.filter(|name| name.starts_with("used:"));
    used.cloned().collect()
}

/// Puts tokens of Kevin into the tables directly. `issuer` returns the index of the one that issued another; the
/// first was issued by an operator. Returns Kevin with each of them.
fn import_tokens(
    world: &World,
    count: usize,
    expires_at: Option<u64>,
    issuer: impl Fn(usize) -> Option<usize>,
) -> Vec<(TokenId, Person)> {
    let start = Clock::system().now().0;
    let id = |index: usize| TokenId::new(Micros(start + u64::try_from(index).unwrap()));
    let ids: Vec<_> = (0..count).map(id).collect();
    let people =
        (0..count).map(|index| world.kevin.with_token(&format!("token_{index}_{}", ids[0])));
    let tokens: Vec<_> = ids.iter().copied().zip(people).collect();
    for table in ["TokensTable", "TokenIdsTable"] {
        let items = tokens.iter().enumerate().map(|(index, (id, person))| {
            let hash = Caller::with_token(&person.token).token_hash().to_owned();
            let mut item = std::collections::HashMap::from([
                ("contact_id", string(&world.kevin.id)),
                ("id", string(id)),
                ("token_hash", string(&hash)),
            ]);
            if table == "TokenIdsTable" {
                item.insert("label", string(&index));
                item.insert("created_at", AttributeValue::N(start.to_string()));
            }
            if let Some(end) = expires_at {
                item.insert("expires_at", AttributeValue::N(end.to_string()));
            }
            if let Some(issuer) = issuer(index) {
                item.insert("issued_with", string(&ids[issuer]));
            }
            item
        });
        import(world, table, items);
    }
    tokens
}

#[tokio::test]
async fn a_token_revoked_meanwhile_issues_nothing() {
    let world = World::new().await;
    let (id, laptop) = world.kevin.creates_token("").await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    proxy.inject("TransactWriteItems", 1, Fault::Delay(500));
    let laptop = laptop.at(&host);
    let revoke = async {
        wait_for(&proxy).await;
        world.kevin.revokes_token(&id).await.is(204);
    };
    let (response, ()) = join(laptop.posts("/v1/tokens", ""), revoke).await;
    response.fails(401, "token_invalid", ());
    assert_eq!(count_of_kevin(&world, "TokensTable"), 1);
    assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 1);
}

#[tokio::test]
async fn a_token_that_expires_meanwhile_issues_nothing() {
    let world = World::new().await;
    let (_, laptop) = world.kevin.creates_token("expires_in=60").await;
    // The clock is read before and after the token is verified.
    let start = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(start));
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).clock_at(&now).start().await;
    proxy.inject("Query", 1, Fault::Delay(200));
    let expire = async {
        wait_for(&proxy).await;
        now.store(start + 2 * MINUTE, Ordering::Relaxed);
    };
    let laptop = laptop.at(&host);
    let (response, ()) = join(laptop.posts("/v1/tokens", ""), expire).await;
    response.fails(401, "token_invalid", ());
    assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 2);
}

#[tokio::test]
async fn a_token_issued_while_its_issuer_is_being_revoked_is_revoked_too() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let kevin = world
        .kevin
        .at(&world.host().proxy(proxy.url()).start().await);
    for everywhere in [false, true] {
        let (id, parent) = world.kevin.creates_token("").await;
        let (_, child) = parent.creates_token("").await;
        // The list has been read, and the tokens in it are about to be deleted.
        proxy.inject("BatchWriteItem", 1, Fault::Delay(500));
        let revoke = async {
            if everywhere {
                kevin.revokes_other_tokens().await
            } else {
                kevin.revokes_token(&id).await
            }
        };
        let issue = async {
            wait_for(&proxy).await;
            let (_, late) = child.creates_token("").await;
            (late.creates_token("").await.1, late)
        };
        let (revoked, (later, late)) = join(revoke, issue).await;
        revoked.is(204);
        for token in [&parent, &child, &late, &later] {
            token.gets("/v1/me").await.fails(401, "token_invalid", ());
        }
        assert_eq!(count_of_kevin(&world, "TokensTable"), 1);
        assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 1);
    }
}

#[tokio::test]
async fn chains_and_trees_of_a_thousand_tokens_are_revoked_in_one_request() {
    let world = World::new().await;
    for shape in ["chain", "star", "tree"] {
        let tokens = import_tokens(&world, 1000, None, |index| match shape {
            _ if index == 0 => None,
            "chain" => Some(index - 1),
            "star" => Some(0),
            _ => Some((index - 1) / 2),
        });
        world
            .kevin
            .revokes_token(&tokens[0].0.to_string())
            .await
            .is(204);
        tokens[999].1.gets("/v1/me").await.is(401);
        for table in ["TokensTable", "TokenIdsTable"] {
            assert_eq!(count_of_kevin(&world, table), 1, "{shape}");
        }
    }
}

#[tokio::test]
async fn a_revocation_that_exceeds_the_time_limit_returns_202_and_continues_when_repeated() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let kevin = world
        .kevin
        .at(&world.host().proxy(proxy.url()).start().await);
    let tokens = import_tokens(&world, 1000, None, |index| index.checked_sub(1));
    let path = tokens[0].0.to_string();
    // A hundred tokens take four concurrent calls.
    proxy.inject("BatchWriteItem", 12, Fault::Delay(1500));
    let response = kevin.revokes_token(&path).await.is(202);
    assert_eq!(response.header("retry-after"), "1");
    assert_eq!(count_of_kevin(&world, "TokensTable"), 1 + 700);
    assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 1 + 1000);
    proxy.inject("BatchWriteItem", 40, Fault::Delay(0));
    proxy.inject("BatchWriteItem", 12, Fault::Delay(1500));
    kevin.revokes_token(&path).await.is(202);
    assert_eq!(count_of_kevin(&world, "TokensTable"), 1);
    assert!((700..1000).contains(&count_of_kevin(&world, "TokenIdsTable")));
    proxy.clear();
    kevin.revokes_token(&path).await.is(204);
    assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 1);
    kevin.revokes_token(&path).await.is(404);
}

#[tokio::test]
async fn a_server_that_revokes_more_tokens_than_a_request_can_gets_202_until_all_are_revoked() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let server = world.new_server(&Scope::ALL).await;
    let server = server.at(&world.host().proxy(proxy.url()).start().await);
    let path = format!("/v1/contacts/{}", world.kevin.id);
    for suspends in [false, true] {
        let tokens = import_tokens(&world, 1000, None, |index| index.checked_sub(1));
        proxy.inject("BatchWriteItem", 40, Fault::Delay(1500));
        let revoke = async || {
            if suspends {
                server.puts(&path, "suspended=true").await
            } else {
                server.deletes(&format!("{path}/tokens")).await
            }
        };
        let response = revoke().await.is(202);
        assert_eq!(response.header("retry-after"), "1");
        proxy.clear();
        revoke().await.is(if suspends { 200 } else { 204 });
        tokens[0].1.gets("/v1/me").await.is(401);
        tokens[999].1.gets("/v1/me").await.is(401);
        for table in ["TokensTable", "TokenIdsTable"] {
            assert_eq!(count_of_kevin(&world, table), 0);
        }
    }
}

#[tokio::test]
async fn no_token_outlives_the_suspension_of_its_contact() {
    for _ in 0..20 {
        let world = World::new().await;
        let server = world.new_server(&Scope::ALL).await;
        let path = format!("/v1/contacts/{}", world.kevin.id);
        let tokens = format!("{path}/tokens");
        let own = (0..10).map(|_| world.kevin.posts("/v1/tokens", ""));
        let by_server = (0..10).map(|_| server.posts(&tokens, ()));
        let suspends = server.puts(&path, "suspended=true");
        let (first, second, suspended) = join3(join_all(own), join_all(by_server), suspends).await;
        suspended.is(200);
        let responses = first.into_iter().chain(second);
        for response in responses.filter(|response| response.status == 201) {
            let token = response.json()["token"].as_str().unwrap().to_owned();
            world.kevin.with_token(&token).gets("/v1/me").await.is(401);
        }
        world.kevin.gets("/v1/me").await.is(401);
        assert_eq!(count_of_kevin(&world, "TokensTable"), 0);
        assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 0);
    }
}

#[tokio::test]
async fn a_token_that_revokes_itself_is_the_last_of_its_tree() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let host = world.host().proxy(proxy.url()).start().await;
    let tokens = import_tokens(&world, 300, None, |index| index.checked_sub(1));
    let own = tokens[0].1.at(&host);
    let id = tokens[0].0.to_string();
    proxy.inject("BatchWriteItem", 1, Fault::Error("AccessDeniedException"));
    own.revokes_token(&id).await.is(500);
    own.gets("/v1/me").await.is(200);
    own.revokes_token(&id).await.is(204);
    own.gets("/v1/me").await.is(401);
    for table in ["TokensTable", "TokenIdsTable"] {
        assert_eq!(count_of_kevin(&world, table), 1);
    }
}

#[tokio::test]
async fn signing_out_everywhere_continues_when_repeated_however_many_tokens_there_are() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let kevin = world
        .kevin
        .at(&world.host().proxy(proxy.url()).start().await);
    import_tokens(&world, 350, None, |_| None);
    proxy.inject("BatchWriteItem", 16, Fault::Delay(1300));
    kevin.revokes_other_tokens().await.is(202);
    for table in ["TokensTable", "TokenIdsTable"] {
        assert_eq!(count_of_kevin(&world, table), 1 + 150);
    }
    assert!(proxy.is_done());
    kevin.revokes_other_tokens().await.is(204);
    for table in ["TokensTable", "TokenIdsTable"] {
        assert_eq!(count_of_kevin(&world, table), 1);
    }
}

#[tokio::test]
async fn tokens_of_earlier_versions_count_as_issued_by_an_operator_and_never_used() {
    let world = World::new().await;
    let [(old, with_old), (other, _)] =
        import_tokens(&world, 2, None, |_| None).try_into().unwrap();
    let listed = async |id: TokenId| {
        let list = world.kevin.gets("/v1/tokens").await.is(200).json()["data"].clone();
        let tokens = list.as_array().unwrap().iter();
        let mut found = tokens.filter(|token| token["id"] == id.to_string());
        found.next().unwrap().clone()
    };
    for id in [old, other] {
        let token = listed(id).await;
        assert_eq!(
            (&token["issued_with"], &token["last_used_at"]),
            (&Value::Null, &Value::Null)
        );
    }
    let (_, child) = with_old.creates_token("").await;
    assert!(listed(old).await["last_used_at"].is_u64());
    assert!(listed(other).await["last_used_at"].is_null());
    world.kevin.revokes_token(&old.to_string()).await.is(204);
    child.gets("/v1/me").await.is(401);
}

#[tokio::test]
async fn expired_tokens_do_not_count_and_are_deleted_when_the_list_is_long() {
    let world = World::new().await;
    import_tokens(&world, 98, Some(1), |_| None);
    world.kevin.creates_token("").await;
    assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 1 + 98 + 1);
    world.kevin.creates_token("").await;
    for table in ["TokensTable", "TokenIdsTable"] {
        assert_eq!(count_of_kevin(&world, table), 3, "{table}");
    }
    import_tokens(&world, 250, Some(1), |_| None);
    world.kevin.creates_token("").await;
    assert_eq!(count_of_kevin(&world, "TokenIdsTable"), 4);
}

#[tokio::test]
async fn more_tokens_of_operators_than_the_quota_are_valid_and_count() {
    let world = World::new().await;
    let tokens = import_tokens(&world, 150, None, |_| None);
    for index in [0, 149] {
        let token = &tokens[index].1;
        token.gets("/v1/me").await.is(200);
        let refused = token.posts("/v1/tokens", "").await;
        refused.fails(409, "too_many_tokens", ());
    }
}

/// A host with a clock, and what advances it.
async fn host_with_clock(world: &World) -> (String, Arc<AtomicU64>, u64) {
    let start = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(start));
    let host = world.host().clock_at(&now);
    (host.start().await, now, start)
}

#[tokio::test]
async fn last_used_at_is_written_with_last_active_at_and_otherwise_once_an_hour() {
    let world = World::new().await;
    let (_, other) = world.kevin.creates_token("").await;
    let (host, now, start) = host_with_clock(&world).await;
    let (kevin, other) = (world.kevin.at(&host), other.at(&host));
    let set = |time: u64| now.store(start + time, Ordering::Relaxed);
    let calls = async |person: &Person| person.gets("/v1/me").await.is(200).cost().calls;
    let last_used = async || {
        let list = kevin.gets("/v1/tokens").await.is(200).json()["data"].clone();
        [0, 1].map(|index| list[index]["last_used_at"].clone())
    };
    let seconds = |time: u64| json!((start + time) / 1_000_000);
    // Three calls, and the write.
    set(2 * MINUTE);
    assert_eq!([calls(&kevin).await, calls(&kevin).await], [4, 3]);
    assert_eq!(last_used().await, [json!(null), seconds(2 * MINUTE)]);
    // The contact is active, but this token was not used before.
    set(2 * MINUTE + 1_000_000);
    assert_eq!([calls(&other).await, calls(&other).await], [4, 3]);
    assert_eq!(last_used().await[0], seconds(2 * MINUTE + 1_000_000));
    // While one token writes each minute, the other is written after an hour.
    for time in (4 * MINUTE..=HOUR).step_by(usize::try_from(MINUTE).unwrap() * 19) {
        set(time);
        assert_eq!([calls(&kevin).await, calls(&other).await], [4, 3]);
    }
    set(HOUR + 2 * MINUTE + 1_000_000);
    assert_eq!([calls(&kevin).await, calls(&other).await], [4, 4]);
    assert_eq!(
        last_used().await,
        [0, 1].map(|_| seconds(HOUR + 2 * MINUTE + 1_000_000))
    );
}

#[tokio::test]
async fn an_operator_cannot_issue_a_token_to_a_suspended_contact() {
    let world = World::new().await;
    let server = world.new_server(&[Scope::Contacts]).await;
    let path = format!("/v1/contacts/{}", world.kevin.id);
    server.puts(&path, "suspended=true").await.is(200);
    let admin = Admin::new(world.store().clone());
    let issued = admin.create_token(world.kevin.id, Label::default(), None);
    let error = issued.await.unwrap_err();
    assert!(matches!(error, Error::ContactSuspended), "{error:?}");
    server.puts(&path, "suspended=false").await.is(200);
    let issued = admin.create_token(world.kevin.id, Label::default(), None);
    issued.await.unwrap();
}

#[tokio::test]
async fn tokens_that_a_server_creates_and_that_are_used_do_not_make_the_contact_grow() {
    let world = World::new().await;
    let server = world.new_server(&[Scope::Tokens]).await;
    let path = format!("/v1/contacts/{}/tokens", world.kevin.id);
    for _ in 0..130 {
        let created = server.posts(&path, "expires_in=60").await.is(201).json();
        let token = created["token"].as_str().unwrap();
        world.kevin.with_token(token).gets("/v1/me").await.is(200);
    }
    let used = used_attributes(&world).len();
    assert!((100..=101).contains(&used), "{used}");
}

#[tokio::test]
async fn when_a_token_was_last_used_is_forgotten_with_the_token() {
    let world = World::new().await;
    world.kevin.gets("/v1/me").await.is(200);
    let own = used_attributes(&world);
    assert_eq!(own.len(), 1);
    let (id, other) = world.kevin.creates_token("").await;
    let (_, child) = other.creates_token("").await;
    for token in [&other, &child] {
        token.gets("/v1/me").await.is(200);
    }
    assert_eq!(used_attributes(&world).len(), 3);
    world.kevin.revokes_token(&id).await.is(204);
    assert_eq!(used_attributes(&world), own);
    // An attribute of a token that has expired or was revoked while it was used is deleted later.
    let stale = json!({
        "TableName": "ContactsTable",
        "Key": {"id": {"S": world.kevin.id.to_string()}},
        "UpdateExpression": "SET #used = :time",
        "ExpressionAttributeNames": {"#used": format!("used:{}", TokenId::new(Micros(1)))},
        "ExpressionAttributeValues": {":time": {"N": "1"}},
    });
    let stale = serde_json::from_value(stale).unwrap();
    world.engine().database().update_item(stale).unwrap();
    assert_eq!(used_attributes(&world).len(), 2);
    world.kevin.creates_token("").await;
    assert_eq!(used_attributes(&world), own);
}
