//! Consent as it depends on the clock, on parameters of the deployment, and on data of earlier versions; and what it
//! costs in the worst case.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use shared::caller::Caller;
use shared::error::Error;
use shared::metadata::Metadata;
use shared::store::{Admin, Inconsistency, NewConversation, WhoMayBegin};
use shared::time::{Clock, Micros};

use crate::harness::{Person, World};
use crate::local::cost::string;

const DAY: u64 = 24 * 60 * 60 * 1_000_000;

#[tokio::test]
async fn a_day_after_declining_a_contact_can_be_asked_again() {
    let world = World::new().await;
    let start = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(start));
    let host = world.host().clock_at(&now).start().await;
    let stranger = world.new_person("stranger").await.at(&host);
    let kate = world.kate.at(&host);
    let request = stranger.creates_conversation(&[&kate], "").await;
    kate.within(request.conversation)
        .leaves_conversation()
        .await
        .is(204);
    let group = stranger
        .creates_conversation(&[&world.linnie], "name=Group")
        .await;
    for (later, status) in [(0, 403), (DAY - 1_000_000, 403), (DAY + 1_000_000, 200)] {
        now.store(start + later, Ordering::Relaxed);
        group.adds_participant(&kate).await.is(status);
    }
    let kate = kate.within(group.conversation);
    assert_eq!(kate.gets_conversation().await.json()["is_pending"], true);
    stranger.creates_conversation(&[&kate], "").await;
}

#[tokio::test]
async fn a_creator_who_was_added_back_and_has_not_accepted_does_not_keep_the_others_from_managing()
{
    let world = World::new().await;
    let start = Clock::system().now().0;
    let now = Arc::new(AtomicU64::new(start));
    let host = world.host().clock_at(&now).start().await;
    let creator = world.new_person("creator").await.at(&host);
    let kevin = world.kevin.at(&host);
    let creator = creator.creates_conversation(&[&kevin], "name=Group").await;
    let kevin = kevin.within(creator.conversation);
    kevin.accepts().await;
    creator.leaves_conversation().await.is(204);
    now.store(start + DAY + 1_000_000, Ordering::Relaxed);
    kevin.adds_participant(&creator).await.is(200);
    kevin.updates_conversation("name=Ours").await.is(200);
    kevin.adds_participant(&world.kate).await.is(200);
    creator.accepts().await;
    kevin
        .updates_conversation("name=Mine")
        .await
        .fails(403, "not_the_creator", "name");
    creator.updates_conversation("name=Mine").await.is(200);
}

#[tokio::test]
async fn the_deployment_decides_who_may_begin() {
    let world = World::new().await;
    let begin = async |rule: WhoMayBegin, person: &Person, other: &Person| {
        let store = world.store().clone().with_who_may_begin(rule);
        let mention = other.username.clone().try_into().unwrap();
        let new = NewConversation {
            participants: vec![mention].try_into().unwrap(),
            name: Some("Group".to_owned().try_into().unwrap()),
            metadata: Metadata::default(),
        };
        let caller = Caller::with_token(&person.token);
        match store.create_conversation(&caller, new).await {
            Ok(_) => true,
            Err(Error::NotAcceptingMessages { username }) => {
                assert_eq!(username.as_ref(), Some(&other.username));
                false
            }
            Err(error) => panic!("{error}"),
        }
    };
    for (rule, acquaintance, stranger) in [
        (WhoMayBegin::Anyone, true, true),
        (WhoMayBegin::Acquaintances, true, false),
        (WhoMayBegin::Nobody, false, false),
    ] {
        let allowed = begin(rule, &world.kevin, &world.kate).await;
        assert_eq!(allowed, acquaintance, "{rule:?}");
        let allowed = begin(rule, &world.kevin, &world.buzz).await;
        assert_eq!(allowed, stranger, "{rule:?}");
    }
    assert!("friends".parse::<WhoMayBegin>().is_err());
}

/// Removes what versions before acquaintances did not store.
fn forget_acquaintances(world: &World, people: &[&Person]) {
    for person in people {
        let others = people.iter().filter(|other| other.id != person.id);
        let others = others.map(|other| other.id.to_string());
        for other in others.chain(["*".to_owned()]) {
            let key = [
                ("contact_id", string(&person.id)),
                ("other_id", string(&other)),
            ];
            world.delete_item("AcquaintancesTable", &key);
        }
    }
}

#[tokio::test]
async fn contacts_of_an_earlier_version_know_whom_they_share_a_conversation_with() {
    let world = World::new().await;
    let family = [&world.kevin, &world.kate, &world.linnie];
    forget_acquaintances(&world, &family);
    let (kevin, kate) = (&world.kevin, &world.kate);
    let mut expected = [kate.id.to_string(), world.linnie.id.to_string()];
    expected.sort();
    assert_eq!(kevin.gets("/v1/contacts").await.is(200).ids(), expected);
    let page = format!("/v1/contacts?starting_after={}", expected[0]);
    assert_eq!(kevin.gets(&page).await.is(200).ids(), expected[1..]);
    let path = format!("/v1/contacts/{}", kate.id);
    let seen = kevin.gets(&path).await.is(200).json();
    assert_eq!(seen["phone_number"], kate.phone_number());
    world.buzz.gets(&path).await.is(404);
    let path = format!("/v1/contacts?username={}", kate.username);
    let seen = kevin.gets(&path).await.is(200).json();
    assert_eq!(seen["data"][0]["phone_number"], kate.phone_number());
    let group = kevin.creates_conversation(&[kate], "name=Group").await;
    let seen = kate.within(group.conversation).gets_conversation().await;
    assert_eq!(seen.json()["is_pending"], false);
    group.adds_participant(&world.linnie).await.is(200);
    let linnie = world.linnie.within(group.conversation);
    assert_eq!(linnie.gets_conversation().await.json()["is_pending"], false);
}

#[tokio::test]
async fn a_conversation_of_two_that_an_earlier_version_left_unmarked_is_repaired() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let kevin = kevin.creates_conversation(&[kate], "").await;
    let id = string(&kevin.conversation);
    let kate = kate.within(kevin.conversation);
    kate.sends("between the two of us").await;
    kate.leaves_conversation().await.is(204);
    let request = json!({
        "TableName": "ConversationsTable",
        "Key": {"id": id},
        "UpdateExpression": "REMOVE was_of_two",
    });
    let request = serde_json::from_value(request).unwrap();
    world.engine().database().update_item(request).unwrap();
    // What it cannot be: of one from the beginning, left by the second of several, or named.
    world.kevin.creates_conversation(&[&world.kevin], "").await;
    for more in ["", "name=Group"] {
        let [ann, bob] = [world.new_person("ann").await, world.new_person("bob").await];
        let group = world.kevin.creates_conversation(&[&ann, &bob], more).await;
        for person in [ann, bob].map(|person| person.within(group.conversation)) {
            person.sends("hello").await;
            person.leaves_conversation().await.is(204);
        }
    }
    let later = || Micros(Clock::system().now().0 + 120_000_000);
    let admin = Admin::new(world.store().clone().with_clock(Clock::new(later)));
    let report = admin.check().await.unwrap();
    let found: Vec<_> = report.inconsistencies().collect();
    let expected = Inconsistency::UnmarkedConversationOfTwo(kevin.conversation);
    assert_eq!(found, [&expected]);
    assert!(admin.repair(&expected).await.unwrap());
    assert!(!admin.repair(&expected).await.unwrap());
    let named = kevin.updates_conversation("name=Group").await;
    named.fails(403, "conversation_of_two", "name");
}

#[tokio::test]
async fn listing_contacts_costs_the_same_with_a_thousand_conversations() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let mut costs = Vec::new();
    for conversations in [1, 1000] {
        for _ in 1..conversations {
            let id = shared::id::ConversationId::random();
            world.create_conversation(id, &[kevin]).await;
        }
        let list = kevin.gets("/v1/contacts").await.is(200).cost();
        let path = format!("/v1/contacts/{}", world.kate.id);
        kevin.gets(&path).await.is(200);
        let get = kevin.gets(&path).await.is(200).cost();
        costs.push([list, get]);
    }
    assert_eq!(costs[0], costs[1]);
    for cost in &costs[1] {
        assert!(cost.capacity_units <= 20.0, "{cost:?}");
    }
}

fn units(response: &crate::harness::Response) -> (f64, f64) {
    let line = response.log_line();
    let units = |name: &str| line[name].as_f64().unwrap();
    (units("read_units"), units("write_units"))
}

#[tokio::test]
async fn no_change_of_participants_writes_more_than_600_units_besides_deleting_messages() {
    let world = World::active().await;
    let size = api_tests::cases(30, 89);
    let crowd = world.crowd(size).await;
    let creator = &crowd[0];
    creator.gets("/v1/me").await.is(200);
    let others: Vec<_> = crowd[1..].iter().collect();
    let create = creator.tries_to_create_conversation(&others, "name=All");
    let created = create.await.is(201);
    let (reads, writes) = units(&created);
    println!("create with {size}: {reads} / {writes}");
    assert!(writes <= 600.0, "{writes}");
    // token, counters, the mark that acquaintances are complete, creator; per other contact a username, an acquaintance
    // and the contact, which the response shows
    let others_count = u32::try_from(others.len()).unwrap();
    assert!(reads <= 4.0 + 3.0 * f64::from(others_count), "{reads}");
    let refused = creator.tries_to_create_conversation(&others, "participants[]=nobody");
    let (reads, writes) = units(&refused.await.is(404));
    println!("the same with an unknown username: {reads} / {writes}");
    assert!(reads <= 3.0 + f64::from(others_count), "{reads}");
    let group = created.json()["id"].as_str().unwrap().parse().unwrap();
    // All accept; the last one gets to know all the others.
    for (number, person) in crowd[1..].iter().enumerate() {
        let accepted = person.within(group).accepts().await;
        let (reads, writes) = units(&accepted);
        if number == size - 2 {
            println!("accept as the last of {size}: {reads} / {writes}");
        }
        assert!(writes <= 600.0, "{writes}");
    }
    let left = crowd[1].within(group).leaves_conversation().await.is(204);
    let (reads, writes) = units(&left);
    println!("leave a group of {size}: {reads} / {writes}");
    assert!(writes <= 600.0, "{writes}");
    let some: Vec<_> = crowd[2..17].iter().collect();
    let small = crowd[2].tries_to_create_conversation(&some, "name=Some");
    let (reads, writes) = units(&small.await.is(201));
    println!("create with 15 acquaintances: {reads} / {writes}");
    assert!(writes <= 600.0, "{writes}");
}

#[tokio::test]
async fn two_who_accept_at_the_same_moment_know_each_other() {
    for _ in 0..api_tests::cases(10, 100) {
        let world = World::new().await;
        let [ann, bob] = [world.new_person("ann").await, world.new_person("bob").await];
        let kevin = world
            .kevin
            .creates_conversation(&[&ann, &bob], "name=Group")
            .await;
        let (ann, bob) = (
            ann.within(kevin.conversation),
            bob.within(kevin.conversation),
        );
        tokio::join!(ann.accepts(), bob.accepts());
        for (one, other) in [(&ann, &bob), (&bob, &ann)] {
            let path = format!("/v1/contacts/{}", other.id);
            let seen = one.gets(&path).await.is(200).json();
            assert_eq!(seen["phone_number"], json!(other.phone_number()));
            assert_ne!(seen["phone_number"], Value::Null);
        }
    }
}

#[tokio::test]
async fn who_is_removed_while_accepting_stays_a_stranger() {
    for _ in 0..api_tests::cases(20, 200) {
        let world = World::new().await;
        let ann = world.new_person("ann").await;
        let kevin = world
            .kevin
            .creates_conversation(&[&world.kate, &ann], "name=Group")
            .await;
        let ann = ann.within(kevin.conversation);
        let (accepted, removed) = tokio::join!(
            ann.updates_conversation("accepted=true"),
            kevin.removes_participant(&ann),
        );
        removed.is(204);
        assert!(
            [200, 404].contains(&accepted.status.as_u16()),
            "{accepted:?}"
        );
        for (one, other) in [(&ann, &kevin), (&kevin, &ann), (&world.kate, &ann)] {
            let path = format!("/v1/contacts/{}", other.id);
            one.gets(&path).await.is(404);
        }
    }
}

#[tokio::test]
async fn an_update_that_is_refused_does_not_accept() {
    let world = World::new().await;
    let stranger = world.new_person("stranger").await;
    let stranger = stranger.creates_conversation(&[&world.kate], "").await;
    let id = stranger.sends("hello").await;
    let kate = world.kate.within(stranger.conversation);
    kate.updates_message_if_match(&id, "\"99-0\"", "read=true")
        .await
        .is(412);
    let nothing = "reactions[heart]=";
    kate.updates_message(&id, nothing).await.is(200);
    assert_eq!(kate.gets_conversation().await.json()["is_pending"], true);
}

/// Without it, it is not known whom the viewer has blocked.
#[tokio::test]
async fn a_viewer_whose_contact_is_missing_sees_nothing_private() {
    let world = World::new().await;
    let kate = &world.kate;
    let id = world.kevin.sends("hello").await;
    kate.blocks(&world.kevin).await.is(204);
    world.delete_item("ContactsTable", &[("id", string(&kate.id))]);
    let contact = format!("/v1/contacts/{}", world.kevin.id);
    let find = format!("/v1/contacts?username={}", world.kevin.username);
    for response in [
        kate.gets_message(&id).await,
        kate.lists_messages("").await,
        kate.lists_inbox("").await,
        kate.gets_conversation().await,
        kate.lists_conversations("").await,
        kate.gets("/v1/contacts").await,
        kate.gets(&contact).await,
        kate.gets(&find).await,
    ] {
        let response = response.is(200);
        assert!(response.text.contains(&world.kevin.username));
        let phone_number = world.kevin.phone_number();
        assert!(!response.text.contains(&phone_number), "{response:?}");
    }
}

/// Imports acquaintances of an earlier version that are none any more: their items do not expire.
fn import_former_acquaintances(world: &World, person: &Person, count: usize) {
    let former = (0..count).map(|number| {
        [
            ("contact_id", string(&person.id)),
            ("other_id", string(&format!("00000000000{number:05}"))),
        ]
        .into()
    });
    crate::local::cost::import(world, "AcquaintancesTable", former);
}

#[tokio::test]
async fn a_contact_is_listed_after_a_thousand_former_acquaintances() {
    let world = World::new().await;
    let kevin = &world.kevin;
    import_former_acquaintances(&world, kevin, 1_000);
    let first = kevin.gets("/v1/contacts?limit=1").await.is(200);
    assert_eq!(
        (first.ids().len(), &first.json()["has_more"]),
        (1, &json!(true))
    );
    assert!(first.cost().capacity_units <= 30.0, "{:?}", first.cost());
}

#[tokio::test]
async fn however_many_former_acquaintances_there_are_all_contacts_are_listed() {
    let world = World::new().await;
    let kevin = &world.kevin;
    import_former_acquaintances(&world, kevin, 10_500);
    let mut expected = [world.kate.id.to_string(), world.linnie.id.to_string()];
    expected.sort();
    assert_eq!(kevin.gets("/v1/contacts").await.is(200).ids(), expected);
}

/// When the item that says what `other` has to do with `contact` expires, and whether it exists.
fn expiry(world: &World, contact: &Person, other: &Person) -> (bool, Option<u64>) {
    let request = json!({
        "TableName": "AcquaintancesTable",
        "Key": {"contact_id": string(&contact.id), "other_id": string(&other.id)},
    });
    let request = serde_json::from_value(request).unwrap();
    let response = world.engine().database().get_item(request).unwrap();
    let item = serde_json::to_value(response).unwrap()["Item"].clone();
    let seconds = item["expires_at"]["N"].as_str();
    (
        item.is_object(),
        seconds.map(|seconds| seconds.parse().unwrap()),
    )
}

#[tokio::test]
async fn what_former_acquaintances_had_to_do_with_each_other_expires_with_the_decline() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let (buzz, linnie) = (&world.buzz, &world.linnie);
    let day = Duration::from_hours(24).as_secs();
    let is_in_a_day = |(_, expires_at): (bool, Option<u64>)| {
        let now = Clock::system().now().0 / 1_000_000;
        expires_at.is_some_and(|at| (now + day - 60..=now + day + 60).contains(&at))
    };
    // Acquaintances by two conversations
    let group = kevin.creates_conversation(&[kate], "name=Group").await;
    assert_eq!(expiry(&world, kevin, kate), (true, None));
    kate.leaves_conversation().await.is(204);
    assert_eq!(expiry(&world, kate, kevin), (true, None));
    assert!(is_in_a_day(expiry(&world, kate, linnie)));
    assert!(is_in_a_day(expiry(&world, linnie, kate)));
    kate.within(group.conversation)
        .leaves_conversation()
        .await
        .is(204);
    assert!(is_in_a_day(expiry(&world, kate, kevin)));
    assert!(is_in_a_day(expiry(&world, kevin, kate)));
    // Acquaintances again
    let kate = kate.creates_conversation(&[kevin], "").await;
    kevin.within(kate.conversation).accepts().await;
    assert_eq!(expiry(&world, &kate, kevin), (true, None));
    assert_eq!(expiry(&world, kevin, &kate), (true, None));
    // A stranger who is declined
    let request = buzz.creates_conversation(&[linnie], "").await;
    assert_eq!(expiry(&world, linnie, buzz), (false, None));
    linnie
        .within(request.conversation)
        .leaves_conversation()
        .await
        .is(204);
    assert!(is_in_a_day(expiry(&world, linnie, buzz)));
    assert_eq!(expiry(&world, buzz, linnie), (false, None));
}
