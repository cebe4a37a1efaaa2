//! Conversations: beginning, listing, reading, changing and leaving them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Json, World};

#[tokio::test]
async fn a_conversation_begins_with_whom_it_names() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let answer = kevin
        .tries_to_begin(&[&world.kate, &world.buzz], "name=Home")
        .await
        .is(201);
    let conversation = answer.json();
    let id = conversation["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/v1/conversations/{id}"));
    let keys: BTreeSet<_> = conversation
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "archived_at",
        "contacts",
        "created_at",
        "id",
        "is_muted",
        "is_pinned",
        "last_active_at",
        "last_message",
        "last_opened_at",
        "name",
        "unread_count",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(conversation["name"], "Home");
    assert_eq!(conversation["last_message"], Value::Null);
    assert_eq!(conversation["unread_count"], 0);
    let mut people = [kevin.id, world.kate.id, world.buzz.id];
    people.sort_unstable();
    let contacts = conversation["contacts"].as_array().unwrap();
    let ids: Vec<_> = contacts
        .iter()
        .map(|contact| contact["id"].clone())
        .collect();
    assert_eq!(json!(ids), json!(people));
    for person in [kevin, &world.kate, &world.buzz] {
        let seen = person
            .within(id.parse().unwrap())
            .opens()
            .await
            .is(200)
            .json();
        assert_eq!((&seen["id"], &seen["name"]), (&json!(id), &json!("Home")));
        assert!(
            person
                .conversations("")
                .await
                .ids()
                .contains(&id.to_owned())
        );
    }
}

#[tokio::test]
async fn participants_are_named_by_username_in_any_case_or_by_id_in_a_form_or_in_json() {
    let world = World::new().await;
    let name = world.kate.username.to_uppercase();
    let form = format!(
        "participants[]={name}&participants[]={}&name=a",
        world.buzz.id
    );
    let by_form = world
        .kevin
        .posts("/v1/conversations", form)
        .await
        .is(201)
        .json();
    let object = json!({"participants": [name, world.buzz.id, world.kevin.username], "name": "a"});
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
async fn two_contacts_have_one_conversation_without_a_name() {
    let world = World::new().await;
    let kevin = world.kevin.begins(&[&world.kate], "").await;
    kevin.sends("hello").await;
    let again = world
        .kate
        .tries_to_begin(&[&world.kevin], "")
        .await
        .is(200)
        .json();
    assert_eq!(again["id"], json!(kevin.conversation));
    assert_eq!(
        (&again["last_message"]["message"], &again["unread_count"]),
        (&json!("hello"), &json!(1))
    );
    let named = world.kevin.begins(&[&world.kate], "name=Other").await;
    assert_ne!(named.conversation, kevin.conversation);
    let with_buzz = world.kevin.begins(&[&world.buzz], "").await;
    assert_ne!(with_buzz.conversation, kevin.conversation);
    let three = world.kevin.begins(&[&world.kate, &world.buzz], "").await;
    let other_three = world.kevin.begins(&[&world.kate, &world.buzz], "").await;
    assert_ne!(three.conversation, other_three.conversation);
}

#[tokio::test]
async fn two_contacts_who_begin_at_once_have_one_conversation() {
    let world = World::new().await;
    let begins = (0..10).map(|number| {
        let (one, other) = if number % 2 == 0 {
            (&world.kevin, &world.kate)
        } else {
            (&world.kate, &world.kevin)
        };
        async { one.tries_to_begin(&[other], "").await }
    });
    let answers = futures_util::future::join_all(begins).await;
    let ids: BTreeSet<_> = answers
        .iter()
        .map(|answer| answer.json()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    let new = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(new, 1, "{answers:?}");
    assert_eq!(world.kevin.conversations("").await.ids().len(), 2);
}

#[tokio::test]
async fn two_contacts_may_begin_anew_once_one_has_left_or_their_conversation_has_a_name() {
    let world = World::new().await;
    let first = world.kevin.begins(&[&world.kate], "").await;
    world.kate.within(first.conversation).leaves().await.is(204);
    let second = world.kevin.begins(&[&world.kate], "").await;
    assert_ne!(first.conversation, second.conversation);
    second.sets("name=Now with a name").await.is(200);
    let third = world.kate.begins(&[&world.kevin], "").await;
    assert_ne!(second.conversation, third.conversation);
    assert_eq!(
        second.opens().await.is(200).json()["name"],
        "Now with a name"
    );
}

#[tokio::test]
async fn one_may_talk_to_oneself() {
    let world = World::new().await;
    let notes = world.kevin.begins(&[&world.kevin], "").await;
    notes.sends("milk").await;
    assert_eq!(
        notes.opens().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn whoever_cannot_take_part_is_named() {
    let world = World::new().await;
    let before = world.kevin.conversations("").await.ids();
    let begin = async |form: &str| world.kevin.posts("/v1/conversations", form).await;
    let answer = begin("participants[]=Nobody.Here").await;
    let answer = answer.fails(404, "contact_not_found", "participants[]");
    assert!(answer.text.contains("Nobody.Here"), "{}", answer.text);
    begin("participants[]=0000000000000000").await.fails(
        404,
        "contact_not_found",
        "participants[]",
    );
    begin("participants[]=!")
        .await
        .fails(400, "parameter_invalid", "participants[]");
    begin("name=a")
        .await
        .fails(400, "parameter_missing", "participants");
    let many = |count| {
        let all = (0..count).map(|number| format!("participants[]=name{number}"));
        all.collect::<Vec<_>>().join("&")
    };
    begin(&many(91))
        .await
        .fails(400, "parameter_invalid", "participants");
    let kate = &world.kate.username;
    begin(&format!("participants[]={kate}&name="))
        .await
        .fails(400, "parameter_invalid", "name");
    begin(&format!("participants[]={kate}&title=a"))
        .await
        .fails(400, "parameter_unknown", "title");
    begin(&format!("participants={kate}"))
        .await
        .fails(400, "parameter_invalid", "participants");
    assert_eq!(
        world.kevin.conversations("").await.ids(),
        before,
        "nothing was begun"
    );
}

#[tokio::test]
async fn ninety_take_part_and_no_more() {
    let world = World::new().await;
    let crowd = world.crowd(90).await;
    let mut others: Vec<_> = crowd.iter().skip(1).collect();
    let first = crowd[0].begins(&others, "name=Crowd").await;
    crowd[0]
        .within(first.conversation)
        .sends("hello, all")
        .await;
    assert_eq!(
        crowd[89].within(first.conversation).opens().await.json()["unread_count"],
        1
    );
    first
        .adds(&world.kevin)
        .await
        .fails(400, "parameter_invalid", "participants[]");
    others.push(&world.kevin);
    let too_many = crowd[0].tries_to_begin(&others, "name=Too many").await;
    too_many.fails(400, "parameter_invalid", "participants[]");
}

#[tokio::test]
async fn conversations_are_listed_by_their_latest_activity() {
    let world = World::new().await;
    let first = world.kevin.begins(&[&world.kate], "name=1").await;
    let second = world.kevin.begins(&[&world.kate], "name=2").await;
    let third = world.kevin.begins(&[&world.kate], "name=3").await;
    let ids = |people: &[&crate::harness::Person]| {
        people
            .iter()
            .map(|person| person.conversation.to_string())
            .collect::<Vec<_>>()
    };
    let kate = &world.kate;
    assert_eq!(
        kate.conversations("limit=3").await.is(200).ids(),
        ids(&[&third, &second, &first])
    );
    kate.within(first.conversation).sends("up").await;
    assert_eq!(
        kate.conversations("limit=3").await.ids(),
        ids(&[&first, &third, &second])
    );
    assert_eq!(
        world.kevin.conversations("limit=3").await.ids(),
        ids(&[&first, &third, &second])
    );
    let page = kate.conversations("limit=2").await;
    assert_eq!(
        (page.ids(), &page.json()["has_more"]),
        (ids(&[&first, &third]), &json!(true))
    );
    let next = kate
        .conversations(&format!("limit=2&starting_after={}", third.conversation))
        .await;
    assert_eq!(
        next.ids(),
        [ids(&[&second]), vec![world.conversation.to_string()]].concat()
    );
    assert_eq!(next.json()["has_more"], false);
    let back = kate
        .conversations(&format!("limit=1&ending_before={}", second.conversation))
        .await;
    assert_eq!(
        (back.ids(), &back.json()["has_more"]),
        (ids(&[&third]), &json!(true))
    );
}

#[tokio::test]
async fn links_lead_through_all_conversations_and_back() {
    let world = World::new().await;
    for number in 0..6 {
        world
            .kevin
            .begins(&[&world.kate], &format!("name={number}"))
            .await;
    }
    let all = world.kate.conversations("").await.ids();
    assert_eq!(all.len(), 7);
    let link = |answer: &crate::harness::Answer, rel: &str| {
        let links = answer.header("link").split(", ").map(ToOwned::to_owned);
        let link = links
            .into_iter()
            .find(|link| link.ends_with(&format!("; rel=\"{rel}\"")))?;
        Some(link[1..link.find('>').unwrap()].to_owned())
    };
    let mut seen = Vec::new();
    let mut page = world.kate.conversations("limit=3&archived=false").await;
    assert_eq!(link(&page, "prev"), None);
    loop {
        seen.extend(page.ids());
        let Some(next) = link(&page, "next") else {
            break;
        };
        page = world.kate.gets(&next).await.is(200);
    }
    assert_eq!(seen, all);
    let back = world.kate.gets(&link(&page, "prev").unwrap()).await.is(200);
    assert_eq!(back.ids(), all[3..6]);
}

#[tokio::test]
async fn a_cursor_has_to_be_a_conversation_of_ones_own() {
    let world = World::new().await;
    for id in [
        world.buzz.conversation,
        shared::id::ConversationId::random(),
    ] {
        let answer = world
            .kevin
            .conversations(&format!("starting_after={id}"))
            .await;
        answer.fails(400, "parameter_invalid", "starting_after");
    }
    world.kevin.conversations("starting_after=x").await.fails(
        400,
        "parameter_invalid",
        "starting_after",
    );
    let both = format!("starting_after={0}&ending_before={0}", world.conversation);
    world
        .kevin
        .conversations(&both)
        .await
        .fails(400, "parameter_invalid", "ending_before");
}

#[tokio::test]
async fn unread_counts_are_ones_own_and_fall() {
    let world = World::new().await;
    let unread = async |person: &crate::harness::Person| {
        let one = person.opens().await.is(200).json()["unread_count"].clone();
        let listed = person.conversations("").await.is(200).json()["data"][0].clone();
        assert_eq!(listed["unread_count"], one);
        one
    };
    let first = world.kevin.sends("1").await;
    let second = world.kevin.sends("2").await;
    let third = world.linnie.sends("3").await;
    assert_eq!(unread(&world.kate).await, 3);
    assert_eq!(unread(&world.kevin).await, 1, "one's own are not unread");
    assert_eq!(
        unread(&world.linnie).await,
        0,
        "whoever sends has seen what is above"
    );
    let read = world
        .kate
        .sets(&format!("read_up_to={second}"))
        .await
        .is(200)
        .json();
    assert_eq!(read["unread_count"], 1);
    assert!(read["last_opened_at"].is_u64());
    assert_eq!(unread(&world.kate).await, 1);
    world
        .kate
        .sets(&format!("read_up_to={first}"))
        .await
        .is(200);
    assert_eq!(unread(&world.kate).await, 1, "what is read stays read");
    world.linnie.deletes(&third).await.is(204);
    assert_eq!(unread(&world.kate).await, 0);
    assert_eq!(unread(&world.kevin).await, 0);
}

#[tokio::test]
async fn unread_messages_are_counted_up_to_a_hundred() {
    let world = World::new().await;
    let mut last = String::new();
    for number in 0..105 {
        last = world.kevin.sends(&number.to_string()).await;
    }
    assert_eq!(world.kate.opens().await.json()["unread_count"], 100);
    let read = world
        .kate
        .sets(&format!("read_up_to={last}"))
        .await
        .is(200)
        .json();
    assert_eq!(read["unread_count"], 0);
}

#[tokio::test]
async fn reading_up_to_a_message_marks_all_before_it_once() {
    let world = World::new().await;
    let first = world.kevin.sends("1").await;
    let own = world.kate.sends("2").await;
    let second = world.linnie.sends("3").await;
    let later = world.kevin.sends("4").await;
    let read_at = async |id: &str| world.kevin.reads(id).await.json()["read_at"].clone();
    world
        .kate
        .sets(&format!("read_up_to={second}"))
        .await
        .is(200);
    let marked = read_at(&first).await;
    assert!(marked.is_u64());
    assert!(read_at(&second).await.is_u64());
    assert_eq!(
        read_at(&own).await,
        Value::Null,
        "one's own is not read by oneself"
    );
    assert_eq!(read_at(&later).await, Value::Null);
    let read = world
        .linnie
        .sets(&format!("read_up_to={later}"))
        .await
        .is(200)
        .json();
    assert!(read["last_message"]["read_at"].is_u64());
    assert_eq!(read_at(&first).await, marked);
    assert!(read_at(&own).await.is_u64());
    assert!(read_at(&later).await.is_u64());
    let elsewhere = world.buzz.sends("elsewhere").await;
    let answer = world.kate.sets(&format!("read_up_to={elsewhere}")).await;
    answer.fails(400, "parameter_invalid", "read_up_to");
}

#[tokio::test]
async fn what_has_not_been_sent_yet_cannot_be_read() {
    let world = World::new().await;
    let id = world.kevin.sends("1").await;
    let future = format!("zzzzzzzzz{}", &id[9..]);
    world
        .kate
        .sets(&format!("read_up_to={future}"))
        .await
        .is(200);
    world.kevin.sends("2").await;
    assert_eq!(world.kate.opens().await.json()["unread_count"], 1);
    let empty = world.kate.begins(&[&world.buzz], "").await;
    let future = format!("zzzzzzzzz{}", empty.conversation);
    empty.sets(&format!("read_up_to={future}")).await.is(200);
    world.buzz.within(empty.conversation).sends("hi").await;
    assert_eq!(empty.opens().await.json()["unread_count"], 1);
}

#[tokio::test]
async fn a_conversation_shows_its_newest_message() {
    let world = World::new().await;
    let first = world.kevin.sends("1").await;
    let second = world.kevin.sends("2").await;
    world.kate.reacts(&second, "heart").await.is(200);
    for person in [&world.kate, &world.linnie] {
        let message = person.reads(&second).await.json();
        assert_eq!(
            person.opens().await.json()["last_message"]["id"],
            message["id"]
        );
        let listed = person.conversations("").await.json()["data"][0]["last_message"].clone();
        assert_eq!(listed["reactions"], message["reactions"]);
        assert_eq!(listed["contact"]["username"], json!(world.kevin.username));
    }
    world.kevin.deletes(&second).await.is(204);
    assert_eq!(
        world.kate.opens().await.json()["last_message"]["id"],
        json!(first)
    );
    assert_eq!(
        world.kate.conversations("").await.json()["data"][0]["last_message"]["id"],
        json!(first)
    );
    world.kevin.deletes(&first).await.is(204);
    assert_eq!(
        world.kate.conversations("").await.json()["data"][0]["last_message"],
        Value::Null
    );
}

#[tokio::test]
async fn an_archived_conversation_is_listed_apart_until_the_next_message() {
    let world = World::new().await;
    let other = world.kate.begins(&[&world.buzz], "name=Other").await;
    let archived = world.kate.sets("archived=true").await.is(200).json();
    assert!(archived["archived_at"].is_u64());
    let id = world.conversation.to_string();
    assert_eq!(
        world.kate.conversations("").await.ids(),
        [other.conversation.to_string()]
    );
    assert_eq!(
        world.kate.conversations("archived=true").await.ids(),
        [id.as_str()]
    );
    assert_eq!(
        world.kevin.conversations("").await.ids(),
        [id.as_str()],
        "it is one's own affair"
    );
    assert_eq!(
        world.kate.sets("archived=true").await.json()["archived_at"],
        archived["archived_at"]
    );
    world.kevin.sends("news").await;
    assert_eq!(
        world.kate.conversations("").await.ids(),
        [id.clone(), other.conversation.to_string()]
    );
    assert!(
        world
            .kate
            .conversations("archived=true")
            .await
            .ids()
            .is_empty()
    );
    assert_eq!(world.kate.opens().await.json()["archived_at"], Value::Null);
    world.kate.sets("archived=true").await.is(200);
    let open = world.kate.sets("archived=false").await.is(200).json();
    assert_eq!(open["archived_at"], Value::Null);
    assert_eq!(world.kate.conversations("").await.ids().len(), 2);
}

#[tokio::test]
async fn muting_and_pinning_are_ones_own() {
    let world = World::new().await;
    let set = world
        .kate
        .sets("is_muted=true&is_pinned=true")
        .await
        .is(200)
        .json();
    assert_eq!(
        (&set["is_muted"], &set["is_pinned"]),
        (&json!(true), &json!(true))
    );
    world.kevin.sends("hello").await;
    let seen = world.kate.sets("is_muted=false").await.is(200).json();
    assert_eq!(
        (&seen["is_muted"], &seen["is_pinned"]),
        (&json!(false), &json!(true))
    );
    let kevins = world.kevin.opens().await.json();
    assert_eq!(
        (&kevins["is_muted"], &kevins["is_pinned"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn a_change_has_to_say_something_that_can_be() {
    let world = World::new().await;
    world
        .kate
        .sets("")
        .await
        .fails(400, "parameter_missing", ());
    world
        .kate
        .sets("is_muted=yes")
        .await
        .fails(400, "parameter_invalid", "is_muted");
    world
        .kate
        .sets("title=a")
        .await
        .fails(400, "parameter_unknown", "title");
    world
        .kate
        .sets("name=%00")
        .await
        .fails(400, "parameter_invalid", "name");
    world
        .kate
        .sets("read_up_to=x")
        .await
        .fails(400, "parameter_invalid", "read_up_to");
}

#[tokio::test]
async fn the_creator_names_a_conversation_and_once_gone_anybody() {
    let world = World::new().await;
    let kevin = world.kevin.begins(&[&world.kate], "name=Kevin’s").await;
    let kate = world.kate.within(kevin.conversation);
    let refused = kate.sets("name=Kate’s&is_muted=true").await;
    refused.fails(403, "not_the_creator", "name");
    let seen = kate.opens().await.json();
    assert_eq!(
        (&seen["name"], &seen["is_muted"]),
        (&json!("Kevin’s"), &json!(false))
    );
    assert_eq!(kevin.sets("name=Ours").await.is(200).json()["name"], "Ours");
    assert_eq!(kate.opens().await.json()["name"], "Ours");
    kevin.leaves().await.is(204);
    assert_eq!(
        kate.sets("name=Kate’s").await.is(200).json()["name"],
        "Kate’s"
    );
}

#[tokio::test]
async fn whoever_leaves_sees_nothing_of_it_any_more_and_the_others_all() {
    let world = World::new().await;
    let kates = world.kate.sends("mine").await;
    world.kevin.sends("yours").await;
    let apart = world.kate.begins(&[&world.buzz], "").await;
    apart.sends("elsewhere").await;
    world.kate.leaves().await.is(204);
    world
        .kate
        .opens()
        .await
        .fails(404, "conversation_not_found", "id");
    world.kate.lists("").await.is(404);
    world.kate.tries_to_send("still here?").await.is(404);
    world.kate.reads(&kates).await.is(404);
    assert_eq!(world.kate.lists_all("").await.texts(), ["elsewhere"]);
    assert_eq!(
        world.kate.conversations("").await.ids(),
        [apart.conversation.to_string()]
    );
    assert_eq!(world.kevin.lists("").await.texts(), ["yours", "mine"]);
    assert_eq!(
        world.kevin.opens().await.json()["contacts"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    world.kevin.sends("she is gone").await;
    assert_eq!(world.kate.lists_all("").await.texts(), ["elsewhere"]);
}

#[tokio::test]
async fn leaving_again_is_no_error_for_whoever_took_part() {
    let world = World::new().await;
    world.kate.leaves().await.is(204);
    world.kate.leaves().await.is(204);
    let buzz = world.buzz.within(world.conversation);
    buzz.leaves()
        .await
        .fails(404, "conversation_not_found", "id");
}

#[tokio::test]
async fn the_last_to_leave_takes_all_along() {
    let world = World::new().await;
    let ids = [world.kevin.sends("1").await, world.kate.sends("2").await];
    for person in [&world.kevin, &world.kate, &world.linnie] {
        person.leaves().await.is(204);
    }
    for id in ids {
        world
            .linnie
            .reads(&id)
            .await
            .fails(404, "message_not_found", "id");
    }
    assert!(world.linnie.lists_all("").await.texts().is_empty());
    world.linnie.leaves().await.is(204);
}

#[tokio::test]
async fn those_who_leave_at_once_all_leave() {
    let world = World::new().await;
    for _ in 0..5 {
        let people = [&world.kevin, &world.kate, &world.linnie];
        let kevin = world.kevin.begins(&people, "name=Short").await;
        kevin.sends("hello").await;
        let leaves = people.map(|person| {
            let person = person.within(kevin.conversation);
            async move { person.leaves().await }
        });
        for answer in futures_util::future::join_all(leaves).await {
            answer.is(204);
        }
        kevin.opens().await.is(404);
        assert!(world.kevin.lists_all("").await.texts().is_empty());
    }
}
