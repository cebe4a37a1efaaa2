//! `cargo ops doctor`

mod fixture;
mod inconsistencies;

use serde_json::json;
use shared::caller::Caller;
use shared::store::Admin;

use crate::harness::{World, error, ops, run, string};
use fixture::Fixture;
use inconsistencies::{INCONSISTENCIES, RESOLUTIONS};

/// Runs `doctor`; returns the kinds of inconsistencies that it finds, with their numbers.
fn found_inconsistencies(world: &World) -> Vec<(String, usize)> {
    let output = run(&world.data, &["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().skip(7).map(|line| {
        let (kind, count) = line.rsplit_once(' ').unwrap();
        (kind.to_owned(), count.parse().unwrap())
    });
    let found: Vec<_> = lines.filter(|&(_, count)| count > 0).collect();
    assert_eq!(
        output.status.code(),
        Some(i32::from(!found.is_empty())),
        "{text}"
    );
    found
}

#[tokio::test]
async fn a_store_with_consistent_data_has_no_inconsistencies() {
    let fixture = Fixture::new().await;
    fixture.world.react("cat", fixture.first, "heart").await;
    let report = ops(&fixture.world.data, &["doctor"]);
    let tables = [
        "messages 2",
        "inbox 6",
        "conversations 4",
        "memberships 8",
        "contacts 6",
        "tokens 3",
        "token_ids 3",
    ];
    assert_eq!(report.lines().take(7).collect::<Vec<_>>(), tables);
    let kinds: Vec<_> = report.lines().skip(7).collect();
    assert!(kinds.iter().all(|line| line.ends_with(" 0")), "{report}");
    for (kind, _) in INCONSISTENCIES {
        assert!(kinds.contains(&format!("{kind} 0").as_str()), "{kind}");
    }
    let repaired = ops(&fixture.world.data, &["doctor", "--repair"]);
    assert_eq!(repaired, report, "nothing to confirm");
}

#[tokio::test]
async fn every_kind_of_inconsistency_is_found_and_repaired() {
    for (kind, modify) in INCONSISTENCIES {
        let fixture = Fixture::new().await;
        modify(&fixture);
        let found = found_inconsistencies(&fixture.world);
        assert_eq!(found, [(kind.to_owned(), 1)]);
        let repaired = ops(&fixture.world.data, &["doctor", "--repair", "--yes"]);
        assert!(repaired.ends_with("repaired 1"), "{kind}: {repaired}");
        assert_eq!(found_inconsistencies(&fixture.world), [], "{kind}");
        for message in [fixture.first, fixture.newest] {
            let response = fixture
                .world
                .store
                .get_message(&Caller::with_token("bob"), message)
                .await;
            assert!(response.is_ok(), "{kind}: existing messages remain");
        }
    }
}

#[tokio::test]
async fn repaired_items_work_again() {
    let fixture = Fixture::new().await;
    for kind in [
        "participants without membership",
        "conversations without pair",
        "contacts without username",
        "valid tokens that are not listed",
    ] {
        let of_kind = INCONSISTENCIES.iter().filter(|(name, _)| *name == kind);
        of_kind.for_each(|(_, modify)| modify(&fixture));
    }
    ops(&fixture.world.data, &["doctor", "--repair", "--yes"]);
    let pair = ops(
        &fixture.world.data,
        &["conversation", "show", &fixture.pair.to_string()],
    );
    assert!(pair.contains("ann"), "{pair}");
    fixture.world.leave("bob", fixture.pair).await;
    let cat = Caller::with_token("cat");
    let limit = shared::page::Limit::default();
    let list = fixture
        .world
        .store
        .list_conversations(&cat, false, None, limit);
    let list = list.await.unwrap().data;
    assert_eq!(list[0].id, fixture.world.house);
    assert_eq!(list[0].last_active_at, fixture.newest.created_at().into());
    assert_eq!(
        ops(&fixture.world.data, &["token", "list", "ann"])
            .lines()
            .count(),
        1
    );
    fixture.world.leave("cat", fixture.world.house).await;
    assert_eq!(found_inconsistencies(&fixture.world), []);
}

#[tokio::test]
async fn repair_without_yes_is_refused_and_changes_nothing() {
    let fixture = Fixture::new().await;
    INCONSISTENCIES[0].1(&fixture);
    let before = fixture.world.items_with("");
    let refused = error(&fixture.world.data, &["doctor", "--repair"]);
    assert!(refused.contains("--yes"), "{refused}");
    let found = error(&fixture.world.data, &["doctor"]);
    assert!(found.contains("--repair"), "{found}");
    assert_eq!(fixture.world.items_with(""), before);
}

#[tokio::test]
async fn verbose_prints_the_ids_of_inconsistent_items() {
    let fixture = Fixture::new().await;
    INCONSISTENCIES[0].1(&fixture);
    let bob = fixture.world.id("bob").to_string();
    for (flag, expected) in [("--verbose", true), ("-v", true), ("--yes", false)] {
        let output = run(&fixture.world.data, &["doctor", flag]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains(&bob), expected, "{text}");
    }
}

#[tokio::test]
async fn inconsistencies_that_a_running_request_can_explain_are_not_reported() {
    const RECENT: u64 = 20_000_000;
    let fixture = Fixture::with(World::with_age(RECENT).await).await;
    let in_flight = [
        "inbox entries without message",
        "inbox entries of non-participants",
        "memberships of non-participants",
        "participants without membership",
        "messages without conversation",
        "former participants with inbox entries",
        "conversations with a stale list position",
        "valid tokens that are not listed",
        "listed tokens that are not valid",
    ];
    // One at a time, because some of them exclude each other.
    let in_flight = INCONSISTENCIES
        .iter()
        .filter(|(kind, _)| in_flight.contains(kind));
    for (kind, modify) in in_flight {
        let fixture = Fixture::with(World::with_age(RECENT).await).await;
        modify(&fixture);
        assert_eq!(found_inconsistencies(&fixture.world), [], "{kind}");
    }
    assert_eq!(found_inconsistencies(&fixture.world), []);
}

#[tokio::test]
async fn repair_changes_nothing_if_an_inconsistency_was_resolved_after_the_check() {
    for (kind, resolve) in RESOLUTIONS {
        for (_, modify) in INCONSISTENCIES
            .into_iter()
            .filter(|&(name, _)| name == kind)
        {
            let fixture = Fixture::new().await;
            modify(&fixture);
            let store = &fixture.world.stack.store;
            let report = Admin::new(store.clone()).check().await.unwrap();
            assert_eq!(report.inconsistencies().count(), 1, "{kind}");
            resolve(&fixture);
            let before = fixture.world.items_with("");
            for inconsistency in report.inconsistencies() {
                Admin::new(store.clone())
                    .repair(inconsistency)
                    .await
                    .unwrap();
            }
            assert_eq!(fixture.world.items_with(""), before, "{kind}");
        }
    }
}

#[tokio::test]
async fn two_contacts_with_one_username_are_reported_and_not_repaired() {
    let fixture = Fixture::new().await;
    let id = json!({ "id": string(fixture.world.id("bob")) });
    let name = json!({ ":name": string("Ann") });
    fixture
        .world
        .update_item("ContactsTable", &id, "SET username = :name", &name);
    let error = error(&fixture.world.data, &["doctor", "--repair", "--yes"]);
    assert!(error.contains("inconsistencies remaining: 1"), "{error}");
    let kind = "contacts without username".to_owned();
    assert_eq!(found_inconsistencies(&fixture.world), [(kind, 1)]);
}
