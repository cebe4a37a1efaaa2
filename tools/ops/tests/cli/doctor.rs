//! `cargo ops doctor`

mod fixture;
mod inconsistencies;

use serde_json::json;
use shared::caller::Caller;
use shared::store::Admin;

use crate::harness::{World, error, ops, run, s};
use fixture::Ward;
use inconsistencies::{DAMAGES, REMEDIES};

/// How many of each kind a doctor finds that finds something.
fn findings(world: &World) -> Vec<(String, usize)> {
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
async fn a_store_with_data_is_healthy() {
    let ward = Ward::new().await;
    ward.world.reacts("cat", ward.first, "heart").await;
    let report = ops(&ward.world.data, &["doctor"]);
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
    for (kind, _) in DAMAGES {
        assert!(kinds.contains(&format!("{kind} 0").as_str()), "{kind}");
    }
    let mended = ops(&ward.world.data, &["doctor", "--repair"]);
    assert_eq!(mended, report, "nothing to ask about");
}

#[tokio::test]
async fn every_kind_of_damage_is_found_and_mended() {
    for (kind, damage) in DAMAGES {
        let ward = Ward::new().await;
        damage(&ward);
        let found = findings(&ward.world);
        assert_eq!(found, [(kind.to_owned(), 1)]);
        let mended = ops(&ward.world.data, &["doctor", "--repair", "--yes"]);
        assert!(mended.ends_with("repaired 1"), "{kind}: {mended}");
        assert_eq!(findings(&ward.world), [], "{kind}");
        for message in [ward.first, ward.newest] {
            let shown = ward
                .world
                .store
                .get_message(&Caller::with_token("bob"), message)
                .await;
            assert!(shown.is_ok(), "{kind}: living messages stay");
        }
    }
}

#[tokio::test]
async fn what_is_mended_works_again() {
    let ward = Ward::new().await;
    let damage = |wanted| {
        let named = DAMAGES.into_iter().filter(|&(kind, _)| kind == wanted);
        named.for_each(|(_, damage)| damage(&ward));
    };
    damage("participants without membership");
    damage("conversations without pair");
    damage("contacts without username");
    damage("valid tokens that are not listed");
    ops(&ward.world.data, &["doctor", "--repair", "--yes"]);
    let pair = ops(
        &ward.world.data,
        &["conversation", "show", &ward.pair.to_string()],
    );
    assert!(pair.contains("ann"), "{pair}");
    ward.world.leaves("bob", ward.pair).await;
    let cat = Caller::with_token("cat");
    let limit = shared::page::Limit::default();
    let list = ward
        .world
        .store
        .list_conversations(&cat, false, None, limit);
    let list = list.await.unwrap().data;
    assert_eq!(list[0].id, ward.world.house);
    assert_eq!(list[0].last_active_at, ward.newest.created_at().into());
    assert_eq!(
        ops(&ward.world.data, &["token", "list", "ann"])
            .lines()
            .count(),
        1
    );
    ward.world.leaves("cat", ward.world.house).await;
    assert_eq!(findings(&ward.world), []);
}

#[tokio::test]
async fn nothing_is_mended_unasked() {
    let ward = Ward::new().await;
    DAMAGES[0].1(&ward);
    let before = ward.world.mentions("");
    let refused = error(&ward.world.data, &["doctor", "--repair"]);
    assert!(refused.contains("--yes"), "{refused}");
    let found = error(&ward.world.data, &["doctor"]);
    assert!(found.contains("--repair"), "{found}");
    assert_eq!(ward.world.mentions(""), before);
}

#[tokio::test]
async fn ids_are_told_on_demand() {
    let ward = Ward::new().await;
    DAMAGES[0].1(&ward);
    let bob = ward.world.id("bob").to_string();
    for (flag, is_told) in [("--verbose", true), ("-v", true), ("--yes", false)] {
        let output = run(&ward.world.data, &["doctor", flag]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.contains(&bob), is_told, "{text}");
    }
}

#[tokio::test]
async fn what_may_be_in_flight_is_left_alone() {
    const LATELY: u64 = 20_000_000;
    let ward = Ward::of(World::since(LATELY).await).await;
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
    // Not both of what excludes each other.
    let together = DAMAGES.iter().filter(|(kind, _)| in_flight.contains(kind));
    for (kind, damage) in together {
        let ward = Ward::of(World::since(LATELY).await).await;
        damage(&ward);
        assert_eq!(findings(&ward.world), [], "{kind}");
    }
    assert_eq!(findings(&ward.world), []);
}

#[tokio::test]
async fn what_has_come_right_meanwhile_is_left_alone() {
    for (kind, remedy) in REMEDIES {
        for (_, damage) in DAMAGES.into_iter().filter(|&(damage, _)| damage == kind) {
            let ward = Ward::new().await;
            damage(&ward);
            let store = &ward.world.stack.store;
            let report = Admin::new(store.clone()).check().await.unwrap();
            assert_eq!(report.inconsistencies().count(), 1, "{kind}");
            remedy(&ward);
            let before = ward.world.mentions("");
            for inconsistency in report.inconsistencies() {
                Admin::new(store.clone())
                    .repair(inconsistency)
                    .await
                    .unwrap();
            }
            assert_eq!(ward.world.mentions(""), before, "{kind}");
        }
    }
}

#[tokio::test]
async fn two_contacts_with_one_username_are_for_somebody_to_decide() {
    let ward = Ward::new().await;
    let id = json!({ "id": s(ward.world.id("bob")) });
    let name = json!({ ":name": s("Ann") });
    ward.world
        .updates("ContactsTable", &id, "SET username = :name", &name);
    let still = error(&ward.world.data, &["doctor", "--repair", "--yes"]);
    assert!(still.contains("inconsistencies remaining: 1"), "{still}");
    let kind = "contacts without username".to_owned();
    assert_eq!(findings(&ward.world), [(kind, 1)]);
}
