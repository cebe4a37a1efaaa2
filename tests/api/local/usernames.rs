//! Usernames that were given up, and those of erased contacts.

use serde_json::json;
use shared::contact::Username;
use shared::store::Admin;
use shared::time::{Clock, Micros};

use crate::harness::{Person, Response, World};

const DAY: u64 = 24 * 60 * 60 * 1_000_000;

/// Returns the URL of a host whose clock is ahead.
async fn host_after(world: &World, micros: u64) -> String {
    let ahead = move || Micros(Clock::system().now().0 + micros);
    world.host().clock(ahead).start().await
}

async fn renames(person: &Person, username: &str) -> Response {
    person.puts("/v1/me", format!("username={username}")).await
}

/// Asserts that a username means this contact, or nobody.
async fn assert_means(reader: &Person, username: &str, contact: Option<&Person>) {
    let found = reader
        .gets(&format!("/v1/contacts?username={username}"))
        .await;
    let expected = contact.map(|contact| contact.id.to_string()).into_iter();
    let expected: Vec<_> = expected.collect();
    assert_eq!(found.is(200).ids(), expected, "{username}");
    let form = format!("participants[]={username}&name=x");
    let mentioned = reader.posts("/v1/conversations", form).await;
    if let Some(contact) = contact {
        let contacts = mentioned.is(201).json()["contacts"].to_string();
        assert!(contacts.contains(&contact.id.to_string()), "{contacts}");
    } else {
        mentioned.fails(404, "contact_not_found", "participants[]");
    }
}

#[tokio::test]
async fn a_username_that_was_given_up_stays_taken_for_30_days_and_means_nobody() {
    let world = World::active().await;
    let name = &world.kevin.username;
    let form = format!("username=new.{}", world.kevin.id);
    world.kevin.puts("/v1/me", form).await.is(200);
    assert_means(&world.linnie, name, None).await;
    let before = host_after(&world, 30 * DAY - 60_000_000).await;
    let kate = world.kate.at(&before);
    for name in [name, &name.to_uppercase()] {
        let refused = renames(&kate, name).await;
        refused.fails(409, "username_taken", "username");
    }
    let later = host_after(&world, 30 * DAY + 60_000_000).await;
    renames(&world.kate.at(&later), name).await.is(200);
    assert_means(&world.linnie, name, Some(&world.kate)).await;
    let refused = renames(&world.kevin.at(&later), name).await;
    refused.fails(409, "username_taken", "username");
}

#[tokio::test]
async fn a_contact_may_take_back_a_username_that_it_has_given_up() {
    let world = World::active().await;
    let old = &world.kevin.username;
    let new = format!("new.{}", world.kevin.id);
    for _ in 0..2 {
        renames(&world.kevin, &new).await.is(200);
        assert_means(&world.linnie, &new, Some(&world.kevin)).await;
        renames(&world.kevin, old).await.is(200);
        assert_means(&world.linnie, old, Some(&world.kevin)).await;
        assert_means(&world.linnie, &new, None).await;
    }
    let much_later = host_after(&world, 400 * DAY).await;
    renames(&world.kevin.at(&much_later), &new).await.is(200);
    let report = Admin::new(world.store().clone()).check().await.unwrap();
    assert_eq!(report.inconsistencies().count(), 0);
}

#[tokio::test]
async fn a_contact_keeps_at_most_five_usernames_taken_that_it_gave_up() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let name = |number: usize| format!("Name{number}.{}", kevin.id);
    for number in 1..=5 {
        renames(kevin, &name(number)).await.is(200);
    }
    let refused = renames(kevin, &name(6)).await;
    let refused = refused.fails(429, "quota_exceeded", "username");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    let month = 30 * 24 * 60 * 60;
    assert!((month - 60..=month + 1).contains(&seconds), "{seconds}");
    assert_means(&world.linnie, &name(5), Some(kevin)).await;
    assert_means(&world.linnie, &name(6), None).await;
    // Nothing else is limited: not the spelling, the rest, or what was its own.
    renames(kevin, &name(5).to_uppercase()).await.is(200);
    kevin.puts("/v1/me", "phone_number=1").await.is(200);
    renames(kevin, &name(2)).await.is(200);
    renames(kevin, &name(6)).await.is(429);
    let later = host_after(&world, (seconds + 1) * 1_000_000).await;
    let kevin = kevin.at(&later);
    renames(&kevin, &name(6)).await.is(200);
}

#[tokio::test]
async fn of_concurrent_claims_of_a_username_that_became_available_exactly_one_succeeds() {
    let world = World::active().await;
    let name = &world.kevin.username;
    let form = format!("username=new.{}", world.kevin.id);
    world.kevin.puts("/v1/me", form).await.is(200);
    let later = host_after(&world, 31 * DAY).await;
    let contacts = [&world.kevin, &world.kate, &world.linnie, &world.buzz];
    let contacts = contacts.map(|person| person.at(&later));
    let claims = contacts.iter().map(|person| renames(person, name));
    let responses = futures_util::future::join_all(claims).await;
    let mut statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
}

#[tokio::test]
async fn a_reaction_with_a_username_that_was_given_up_returns_403() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let form = format!("username=new.{}", world.kevin.id);
    world.kevin.puts("/v1/me", form).await.is(200);
    let old = world.kevin.reacts(&id, "heart").await;
    old.fails(403, "not_yourself", "reactions[heart][]");
}

#[tokio::test]
async fn the_usernames_of_an_erased_contact_stay_taken_until_an_operator_frees_them() {
    let world = World::active().await;
    let first = world.kevin.username.clone();
    let second = format!("Second.{}", world.kevin.id);
    renames(&world.kevin, &second).await.is(200);
    let admin = Admin::new(world.store().clone());
    assert!(
        !admin
            .erase_contact(world.kevin.id)
            .await
            .unwrap()
            .is_empty()
    );
    let again = admin.erase_contact(world.kevin.id).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(admin.check().await.unwrap().inconsistencies().count(), 0);
    let later = host_after(&world, 3650 * DAY).await;
    for name in [&first, &second] {
        assert_means(&world.linnie, name, None).await;
        let refused = renames(&world.kate.at(&later), name).await;
        refused.fails(409, "username_taken", "username");
    }
    let username = Username::try_from(second.clone()).unwrap();
    assert!(admin.free_username(&username).await.unwrap());
    assert!(!admin.free_username(&username).await.unwrap());
    renames(&world.kate, &second).await.is(200);
    assert_means(&world.linnie, &second, Some(&world.kate)).await;
}

#[tokio::test]
async fn of_the_username_of_an_erased_contact_only_a_hash_is_kept() {
    let world = World::active().await;
    let admin = Admin::new(world.store().clone());
    admin.erase_contact(world.kevin.id).await.unwrap();
    let request = serde_json::from_value(json!({ "TableName": "ContactsTable" })).unwrap();
    let items = world.engine().database().scan(request).unwrap();
    let items = serde_json::to_value(items).unwrap()["Items"].take();
    let hashed = items.as_array().unwrap().iter().filter(|item| {
        let id = item["id"]["S"].as_str().unwrap();
        id.starts_with('#')
    });
    let [hashed] = hashed.collect::<Vec<_>>()[..] else {
        panic!("{items}");
    };
    assert_eq!(hashed.as_object().unwrap().len(), 1, "{hashed}");
    assert_eq!(hashed["id"]["S"].as_str().unwrap().len(), 65, "{hashed}");
    for left in [&world.kevin.username, &world.kevin.id.to_string()] {
        assert!(!items.to_string().contains(left), "{left}");
    }
}
