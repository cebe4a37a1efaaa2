//! `cargo ops doctor`

mod fixture;
mod inconsistencies;

use std::process::Command;
use std::time::Duration;

use local_stack::template::Template;
use serde_json::json;
use shared::caller::Caller;
use shared::contact::ContactRef;
use shared::key::Scope;
use shared::store::{Admin, ConversationList, ErasedContact, Timeouts};
use shared::time::Clock;
use shared::token::Label;

use crate::harness::{World, error, ops, run, string};
use fixture::Fixture;
use inconsistencies::{INCONSISTENCIES, RESOLUTIONS};

/// Runs `doctor`; returns the kinds of inconsistencies that it finds, with their numbers.
fn found_inconsistencies(world: &World) -> Vec<(String, usize)> {
    let output = run(&world.data, &["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().skip(13);
    let lines = lines.filter(|&line| line != "no inconsistencies");
    let lines = lines.map(|line| {
        let (kind, count) = line.rsplit_once(' ').unwrap();
        (kind.to_owned(), count.parse().unwrap())
    });
    let found: Vec<(_, usize)> = lines.collect();
    assert!(found.iter().all(|&(_, count)| count > 0), "{text}");
    assert_eq!(text.ends_with("no inconsistencies\n"), found.is_empty());
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
        "attachments 1",
        "inbox 6",
        "conversations 4",
        "memberships 8",
        "acquaintances 12",
        "contacts 6",
        "tokens 3",
        "token_ids 3",
        "reads 0",
        "edits 0",
        "webhooks 0",
        "listeners 0",
    ];
    assert_eq!(report.lines().take(13).collect::<Vec<_>>(), tables);
    assert_eq!(
        report.lines().skip(13).collect::<Vec<_>>(),
        ["no inconsistencies"]
    );
    let verbose = ops(&fixture.world.data, &["doctor", "--verbose"]);
    for (kind, _) in INCONSISTENCIES {
        let line = format!("{kind} 0");
        assert!(verbose.lines().any(|other| other == line), "{kind}");
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
        assert!(
            repaired.ends_with("repaired 1\nno inconsistencies"),
            "{kind}: {repaired}"
        );
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
        .list_conversations(&cat, ConversationList::Open, None, limit);
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
async fn an_attachment_that_is_missing_is_restored_with_its_file_or_taken_off_without() {
    for has_file in [true, false] {
        let fixture = Fixture::new().await;
        let Fixture {
            world, attachment, ..
        } = &fixture;
        let kind = INCONSISTENCIES.iter();
        let mut kind = kind.filter(|(name, _)| *name == "messages with missing attachments");
        let (_, modify) = kind.nth(usize::from(!has_file)).unwrap();
        modify(&fixture);
        ops(&world.data, &["doctor", "--repair", "--yes"]);
        let bob = Caller::with_token("bob");
        let message = world.store.get_message(&bob, fixture.first).await.unwrap();
        assert_eq!(message.attachments.len(), usize::from(has_file));
        let downloadable = world.store.get_attachment(&bob, *attachment).await;
        assert_eq!(downloadable.is_ok(), has_file, "{downloadable:?}");
    }
}

/// Causes an inconsistency of this kind.
fn cause(kind: &str, fixture: &Fixture) {
    let mut modify = INCONSISTENCIES.iter().filter(|(name, _)| *name == kind);
    modify.next().unwrap().1(fixture);
}

/// A command on the tables that the environment names, which here are those of the data file.
fn command_on_tables(world: &World, arguments: &[&str]) -> Command {
    let template = Template::embedded().unwrap();
    let tables = template.variables.iter();
    let tables = tables.filter(|(name, _)| name.ends_with("_TABLE"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ops"));
    command
        .args(arguments)
        .envs(tables)
        .env("DYNAMODB_ENDPOINT", world.stack.engine.url())
        .env("AWS_REGION", "local")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local");
    command
}

/// As when the other tables have been restored.
#[tokio::test(flavor = "multi_thread")]
async fn without_listeners_webhooks_are_not_looked_at() {
    let fixture = Fixture::new().await;
    let kind = "webhooks that are not listed";
    cause(kind, &fixture);
    let mut doctor = command_on_tables(&fixture.world, &["doctor"]);
    let found = doctor.output().unwrap();
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let found = doctor.env("LISTENERS_TABLE", "none").output().unwrap();
    assert_eq!(found.status.code(), Some(0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bucket_nothing_is_taken_off_a_message() {
    let fixture = Fixture::new().await;
    let kind = "messages with missing attachments";
    cause(kind, &fixture);
    let repair = ["doctor", "--repair", "--yes"];
    let output = command_on_tables(&fixture.world, &repair).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("repaired 0"), "{printed}");
    assert_eq!(
        found_inconsistencies(&fixture.world),
        [(kind.to_owned(), 1)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_belong_to_other_tables_are_kept() {
    let fixture = Fixture::new().await;
    let kind = "files without attachment";
    cause(kind, &fixture);
    let url = fixture.world.stack.bucket.url();
    let repair = ["doctor", "--repair", "--yes"];
    let mut command = command_on_tables(&fixture.world, &repair);
    let output = command.env("FILES_URL", url).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("may belong to other tables"), "{notes}");
    assert_eq!(fixture.world.stack.bucket.keys().unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_that_is_missing_is_told_and_cannot_be_repaired() {
    let fixture = Fixture::new().await;
    std::fs::remove_file(fixture.world.file(fixture.attachment)).unwrap();
    let expected = [("sent attachments without file".to_owned(), 1)];
    assert_eq!(found_inconsistencies(&fixture.world), expected);
    let repaired = error(&fixture.world.data, &["doctor", "--repair", "--yes"]);
    assert!(repaired.contains("remaining: 1"), "{repaired}");
    assert_eq!(found_inconsistencies(&fixture.world), expected);
}

/// Begins to erase Bob, as the endpoint does, without continuing it.
async fn begin_to_erase_bob(world: &World, age: Duration) {
    let began_at = Clock::system().now().before(age);
    let timeouts = Timeouts {
        cleanup: Duration::ZERO,
        ..Timeouts::default()
    };
    let store = world.stack.store.clone().with_timeouts(timeouts);
    let store = store.with_clock(Clock::new(move || began_at));
    let scopes = [Scope::Contacts].into_iter().collect();
    let admin = Admin::new(world.store.clone());
    let key = admin.issue_key(Label::default(), scopes, None).await;
    let server = Caller::with_token(&key.unwrap().secret);
    let bob = ContactRef::Id(world.id("bob"));
    let erased = store.erase_contact(&server, &bob).await.unwrap();
    assert!(matches!(erased, ErasedContact::Unfinished));
}

#[tokio::test]
async fn an_erasure_without_progress_for_a_day_is_reported_with_the_command_that_continues_it() {
    const HOUR: Duration = Duration::from_hours(1);
    let world = World::new().await;
    begin_to_erase_bob(&world, 23 * HOUR).await;
    assert_eq!(found_inconsistencies(&world), []);

    let world = World::new().await;
    begin_to_erase_bob(&world, 25 * HOUR).await;
    let expected = [("unfinished erasures".to_owned(), 1)];
    assert_eq!(found_inconsistencies(&world), expected);
    let bob = world.id("bob").to_string();
    for arguments in [&["doctor"][..], &["doctor", "--repair", "--yes"]] {
        let output = run(&world.data, arguments);
        assert_eq!(output.status.code(), Some(1));
        let notes = String::from_utf8(output.stderr).unwrap();
        assert!(notes.contains(&format!("contact erase {bob}")), "{notes}");
    }
    assert_eq!(found_inconsistencies(&world), expected);
    ops(&world.data, &["contact", "erase", &bob, "--yes"]);
    assert_eq!(found_inconsistencies(&world), []);
}

#[tokio::test]
async fn all_files_are_listed_although_a_page_has_a_thousand() {
    const DAYS: u64 = 2 * 24 * 3_600_000_000;
    let fixture = Fixture::new().await;
    let world = &fixture.world;
    for number in 0..2_500 {
        let created_at = shared::time::Micros(fixture.attachment.created_at().0 - DAYS - number);
        let id = shared::id::AttachmentId::new(created_at, world.house);
        world.stack.bucket.put(id, "image/jpeg", b"x").unwrap();
    }
    let found = found_inconsistencies(world);
    assert_eq!(found, [("files without attachment".to_owned(), 2_500)]);
    ops(&world.data, &["doctor", "--repair", "--yes"]);
    assert_eq!(world.stack.bucket.keys().unwrap().len(), 1);
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

#[tokio::test]
async fn repair_finishes_a_revocation_that_was_not_repeated() {
    let world = World::new().await;
    let issue = async |issuer: &str| {
        let issuer = Caller::with_token(issuer);
        let created = world
            .store
            .create_token(&issuer, Label::default(), None)
            .await;
        created.unwrap()
    };
    let parent = issue("ann").await;
    let child = issue(&parent.secret).await;
    let grandchild = issue(&child.secret).await;
    let hash = Caller::with_token(&parent.secret).token_hash().to_owned();
    world.delete_item("TokensTable", &json!({ "token_hash": string(hash) }));
    let expected = [
        ("listed tokens that are not valid".to_owned(), 1),
        ("tokens without issuing token".to_owned(), 1),
    ];
    assert_eq!(found_inconsistencies(&world), expected);
    ops(&world.data, &["doctor", "--repair", "--yes"]);
    assert_eq!(found_inconsistencies(&world), []);
    for token in [&child, &grandchild] {
        let caller = Caller::with_token(&token.secret);
        assert!(world.store.authenticate(&caller).await.is_err());
    }
    let ann = Caller::with_token("ann");
    assert!(world.store.authenticate(&ann).await.is_ok());
}
