//! `POST /v1/conversations`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Json, Person, World};

#[tokio::test]
async fn a_new_conversation_has_the_creator_and_the_given_participants() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let response = kevin
        .tries_to_create_conversation(&[&world.kate, &world.buzz], "name=Home")
        .await
        .is(201);
    let conversation = response.json();
    let id = conversation["id"].as_str().unwrap();
    assert_eq!(
        response.header("location"),
        format!("/v1/conversations/{id}")
    );
    let keys: BTreeSet<_> = conversation
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "archived_at",
        "closed_at",
        "contacts",
        "created_at",
        "id",
        "is_muted",
        "is_pending",
        "is_pinned",
        "last_active_at",
        "last_message",
        "last_opened_at",
        "metadata",
        "name",
        "unread_count",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(conversation["name"], "Home");
    assert_eq!(conversation["last_message"], Value::Null);
    assert_eq!(conversation["unread_count"], 0);
    let mut participants = [kevin.id, world.kate.id, world.buzz.id];
    participants.sort_unstable();
    let contacts = conversation["contacts"].as_array().unwrap();
    let ids: Vec<_> = contacts
        .iter()
        .map(|contact| contact["id"].clone())
        .collect();
    assert_eq!(json!(ids), json!(participants));
    // Kevin knows Kate, and does not know Buzz.
    for (person, list) in [
        (kevin, ""),
        (&world.kate, ""),
        (&world.buzz, "pending=true"),
    ] {
        let seen = person
            .within(id.parse().unwrap())
            .gets_conversation()
            .await
            .is(200)
            .json();
        assert_eq!((&seen["id"], &seen["name"]), (&json!(id), &json!("Home")));
        assert_eq!(seen["is_pending"], json!(!list.is_empty()));
        assert!(
            person
                .lists_conversations(list)
                .await
                .ids()
                .contains(&id.to_owned())
        );
    }
}

#[tokio::test]
async fn participants_are_given_by_username_in_any_case_or_by_id_in_a_form_or_json() {
    let world = World::new().await;
    let name = world.kate.username.to_uppercase();
    let form = format!(
        "participants[]={name}&participants[]={}&name=a",
        world.linnie.id
    );
    let by_form = world
        .kevin
        .posts("/v1/conversations", form)
        .await
        .is(201)
        .json();
    let object =
        json!({"participants": [name, world.linnie.id, world.kevin.username], "name": "a"});
    let by_json = world
        .kevin
        .posts("/v1/conversations", Json(object))
        .await
        .is(201)
        .json();
    assert_eq!(by_form["contacts"].as_array().unwrap().len(), 3);
    assert_eq!(by_form["contacts"][0]["id"], by_json["contacts"][0]["id"]);
    assert_eq!(by_json["contacts"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn an_existing_unnamed_conversation_of_two_contacts_returns_200() {
    let world = World::new().await;
    let kevin = world.kevin.creates_conversation(&[&world.kate], "").await;
    kevin.sends("hello").await;
    let again = world
        .kate
        .tries_to_create_conversation(&[&world.kevin], "")
        .await
        .is(200)
        .json();
    assert_eq!(again["id"], json!(kevin.conversation));
    assert_eq!(
        (&again["last_message"]["message"], &again["unread_count"]),
        (&json!("hello"), &json!(1))
    );
    let named = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Other")
        .await;
    assert_ne!(named.conversation, kevin.conversation);
    let with_buzz = world.kevin.creates_conversation(&[&world.buzz], "").await;
    assert_ne!(with_buzz.conversation, kevin.conversation);
    let three = world
        .kevin
        .creates_conversation(&[&world.kate, &world.buzz], "")
        .await;
    let other_three = world
        .kevin
        .creates_conversation(&[&world.kate, &world.buzz], "")
        .await;
    assert_ne!(three.conversation, other_three.conversation);
}

#[tokio::test]
async fn concurrent_requests_of_two_contacts_create_one_conversation() {
    let world = World::new().await;
    let requests = (0..10).map(|number| {
        let (one, other) = if number % 2 == 0 {
            (&world.kevin, &world.kate)
        } else {
            (&world.kate, &world.kevin)
        };
        async { one.tries_to_create_conversation(&[other], "").await }
    });
    let responses = futures_util::future::join_all(requests).await;
    let ids: BTreeSet<_> = responses
        .iter()
        .map(|response| response.json()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{responses:?}");
    let new = responses
        .iter()
        .filter(|response| response.status == 201)
        .count();
    assert_eq!(new, 1, "{responses:?}");
    assert_eq!(world.kevin.lists_conversations("").await.ids().len(), 2);
}

#[tokio::test]
async fn after_leaving_a_conversation_of_two_a_contact_can_begin_a_new_one() {
    let world = World::new().await;
    let first = world.kevin.creates_conversation(&[&world.kate], "").await;
    let kate = world.kate.within(first.conversation);
    kate.leaves_conversation().await.is(204);
    let second = world.kate.creates_conversation(&[&world.kevin], "").await;
    assert_ne!(first.conversation, second.conversation);
    let again = world
        .kevin
        .tries_to_create_conversation(&[&world.kate], "")
        .await
        .is(200)
        .json();
    assert_eq!(again["id"], json!(second.conversation));
}

#[tokio::test]
async fn a_conversation_of_two_cannot_become_a_group() {
    let world = World::new().await;
    let kevin = world.kevin.creates_conversation(&[&world.kate], "").await;
    let kate = world.kate.within(kevin.conversation);
    let stranger = world.new_person("stranger").await;
    let pending = stranger.creates_conversation(&[&world.kate], "").await;
    let asked = world.kate.within(pending.conversation);
    let stay_two = async |people: &[&Person]| {
        for person in people {
            let named = person.updates_conversation("name=Group").await;
            named.fails(403, "conversation_of_two", "name");
            for response in [
                person.adds_participant(&world.linnie).await,
                person.removes_participant(&world.kate).await,
            ] {
                response.fails(403, "conversation_of_two", ());
            }
        }
    };
    // Neither by the creator, nor by the other, nor before having accepted, nor after one of the two has left.
    stay_two(&[&kevin, &pending]).await;
    for person in [&kate, &asked] {
        let named = person.updates_conversation("name=Group").await;
        named.fails(403, "conversation_of_two", "name");
        let added = person.adds_participant(&world.linnie).await;
        added.fails(403, "conversation_of_two", ());
    }
    kate.sends("private").await;
    kate.leaves_conversation().await.is(204);
    stay_two(&[&kevin]).await;
}

#[tokio::test]
async fn a_conversation_with_only_the_creator_is_allowed() {
    let world = World::new().await;
    let notes = world.kevin.creates_conversation(&[&world.kevin], "").await;
    notes.sends("milk").await;
    assert_eq!(
        notes.gets_conversation().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_name_that_is_invisible_or_affects_what_is_next_to_it_returns_400() {
    let world = World::new().await;
    for (name, culprit) in [
        ("%00", "U+0000"),
        ("a%0Ab", "U+000A"),
        ("a%E2%80%AEb", "U+202E"),
        ("a%E2%81%A7b", "U+2067"),
        ("a%E2%80%A8b", "U+2028"),
        ("a%E2%80%A9b", "U+2029"),
        ("a%EE%80%80b", "U+E000"),
        ("a%CD%B8b", "U+0378"),
        ("%E2%80%8B", "invisible"),
        ("%E3%85%A4+", "invisible"),
    ] {
        let form = format!("name={name}");
        let others = [&world.kate];
        let created = world
            .kevin
            .tries_to_create_conversation(&others, &form)
            .await;
        let refused = created.fails(400, "parameter_invalid", "name").json();
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(culprit), "{name}: {message}");
        let renamed = world.kevin.updates_conversation(&form).await;
        renamed.fails(400, "parameter_invalid", "name");
    }
}

#[tokio::test]
async fn a_name_is_stored_in_nfc() {
    let world = World::new().await;
    let others = [&world.kate];
    let kevin = world
        .kevin
        .creates_conversation(&others, "name=Cafe%CC%81")
        .await;
    assert_eq!(kevin.gets_conversation().await.json()["name"], "Café");
    let renamed = kevin
        .updates_conversation("name=%E1%84%92%E1%85%A1%E1%86%AB")
        .await;
    assert_eq!(renamed.is(200).json()["name"], "한");
}

#[tokio::test]
async fn unknown_participants_return_404_and_invalid_parameters_400() {
    let world = World::new().await;
    let before = world.kevin.lists_conversations("").await.ids();
    let create = async |form: &str| world.kevin.posts("/v1/conversations", form).await;
    let response = create("participants[]=Nobody.Here").await;
    let response = response.fails(404, "contact_not_found", "participants[]");
    assert!(response.text.contains("Nobody.Here"), "{}", response.text);
    create("participants[]=0000000000000000").await.fails(
        404,
        "contact_not_found",
        "participants[]",
    );
    create("participants[]=!")
        .await
        .fails(400, "parameter_invalid", "participants[]");
    create("name=a")
        .await
        .fails(400, "parameter_missing", "participants");
    let many = |count| {
        let all = (0..count).map(|number| format!("participants[]=name{number}"));
        all.collect::<Vec<_>>().join("&")
    };
    create(&many(91))
        .await
        .fails(400, "parameter_invalid", "participants");
    let kate = &world.kate.username;
    create(&format!("participants[]={kate}&name="))
        .await
        .fails(400, "parameter_invalid", "name");
    create(&format!("participants[]={kate}&title=a"))
        .await
        .fails(400, "parameter_unknown", "title");
    create(&format!("participants={kate}"))
        .await
        .fails(400, "parameter_invalid", "participants");
    assert_eq!(
        world.kevin.lists_conversations("").await.ids(),
        before,
        "no conversation was created"
    );
}

#[tokio::test]
async fn a_conversation_has_at_most_ninety_participants() {
    let world = World::new().await;
    let crowd = world.crowd(90).await;
    let mut others: Vec<_> = crowd.iter().skip(1).collect();
    let first = crowd[0].creates_conversation(&others, "name=Crowd").await;
    crowd[0]
        .within(first.conversation)
        .sends("hello, all")
        .await;
    assert_eq!(
        crowd[89]
            .within(first.conversation)
            .gets_conversation()
            .await
            .json()["unread_count"],
        1
    );
    first
        .adds_participant(&world.kevin)
        .await
        .fails(400, "parameter_invalid", "participants[]");
    others.push(&world.kevin);
    let too_many = crowd[0]
        .tries_to_create_conversation(&others, "name=Too many")
        .await;
    too_many.fails(400, "parameter_invalid", "participants[]");
}
