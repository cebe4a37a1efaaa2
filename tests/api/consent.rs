//! Pending conversations, declining, and blocks.

use serde_json::{Value, json};
use shared::id::ContactId;

use crate::harness::{Person, World};

fn own_view<'a>(conversation: &'a Value, of: &Person) -> &'a Value {
    let mut contacts = conversation["contacts"].as_array().unwrap().iter();
    contacts
        .find(|contact| contact["id"] == of.id.to_string())
        .expect("is a participant")
}

#[tokio::test]
async fn a_conversation_begun_by_a_stranger_is_pending_until_it_is_accepted() {
    let world = World::new().await;
    let stranger = world.new_person("stranger").await;
    let stranger = stranger.creates_conversation(&[&world.kate], "").await;
    stranger.sends("hello").await;
    let kate = world.kate.within(stranger.conversation);
    let id = stranger.conversation.to_string();
    // Kate sees a request; it is in no other list.
    let pending = kate.lists_conversations("pending=true").await.is(200);
    assert_eq!(pending.ids(), [id.as_str()]);
    let request = &pending.json()["data"][0];
    assert_eq!(
        (&request["is_pending"], &request["unread_count"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(request["last_message"]["message"], "hello");
    for list in ["", "archived=true"] {
        assert!(!kate.lists_conversations(list).await.ids().contains(&id));
    }
    assert!(kate.lists_inbox("").await.texts().is_empty());
    assert_eq!(kate.lists_messages("").await.texts(), ["hello"]);
    // Neither sees what is private of the other.
    let path = format!("/v1/contacts/{}", kate.id);
    for (viewer, other) in [(&stranger, &kate), (&kate, &stranger)] {
        let seen = viewer.gets_conversation().await.is(200).json();
        assert_eq!(own_view(&seen, other)["phone_number"], Value::Null);
        assert_eq!(own_view(&seen, other)["last_active_at"], Value::Null);
    }
    stranger.gets(&path).await.is(404);
    let accepted = kate.accepts().await.json();
    assert_eq!(accepted["is_pending"], json!(false));
    assert_eq!(
        own_view(&accepted, &stranger)["phone_number"],
        stranger.phone_number()
    );
    stranger.gets(&path).await.is(200);
    assert!(kate.lists_conversations("").await.ids().contains(&id));
    let pending = kate.lists_conversations("pending=true").await;
    assert!(pending.ids().is_empty());
    // Accepting again changes nothing.
    kate.accepts().await;
}

#[tokio::test]
async fn sending_reacting_and_marking_as_read_accept_a_conversation() {
    let world = World::new().await;
    for act in ["send", "react", "mark as read", "mark all as read"] {
        let stranger = world.new_person("stranger").await;
        let stranger = stranger.creates_conversation(&[&world.kate], "").await;
        let id = stranger.sends("hello").await;
        let kate = world.kate.within(stranger.conversation);
        for form in ["is_muted=true", "is_pinned=true"] {
            let seen = kate.updates_conversation(form).await.is(200).json();
            assert_eq!(seen["is_pending"], json!(true), "{form} does not accept");
        }
        kate.updates_conversation("archived=true")
            .await
            .fails(403, "conversation_pending", ());
        match act {
            "send" => kate.tries_to_send("hi").await.is(201),
            "react" => kate.reacts(&id, "heart").await.is(200),
            "mark as read" => kate.updates_message(&id, "read=true").await.is(200),
            _ => {
                let form = format!("read_up_to={id}");
                kate.updates_conversation(&form).await.is(200)
            }
        };
        let seen = kate.gets_conversation().await.json();
        assert_eq!(seen["is_pending"], json!(false), "{act}");
        let is_read = kate.gets_message(&id).await.json()["read_at"].is_u64();
        assert_eq!(is_read, act.starts_with("mark"), "{act}");
    }
}

#[tokio::test]
async fn acquaintances_accept_at_once_in_conversations_of_up_to_16() {
    let world = World::new().await;
    let crowd = world.crowd(17).await;
    let others: Vec<_> = crowd[1..16].iter().collect();
    let small = crowd[0].creates_conversation(&others, "name=16").await;
    let others: Vec<_> = crowd[1..].iter().collect();
    let large = crowd[0].creates_conversation(&others, "name=17").await;
    let last = &crowd[15];
    let open = last.lists_conversations("").await.ids();
    assert!(open.contains(&small.conversation.to_string()));
    let pending = last.lists_conversations("pending=true").await.ids();
    assert_eq!(pending, [large.conversation.to_string()]);
}

#[tokio::test]
async fn a_pending_participant_cannot_manage_a_conversation() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.buzz], "name=Home")
        .await;
    kevin.leaves_conversation().await.is(204);
    let buzz = world.buzz.within(kevin.conversation);
    for response in [
        buzz.updates_conversation("name=Mine").await,
        buzz.adds_participant(&world.kate).await,
        buzz.removes_participant(&world.kevin).await,
    ] {
        response.fails(403, "conversation_pending", ());
    }
    buzz.accepts().await;
    buzz.updates_conversation("name=Mine").await.is(200);
}

#[tokio::test]
async fn who_declines_cannot_be_asked_again_by_the_same_contact() {
    let world = World::new().await;
    let stranger = world.new_person("stranger").await;
    let begun = stranger.creates_conversation(&[&world.kate], "").await;
    let kate = world.kate.within(begun.conversation);
    kate.leaves_conversation().await.is(204);
    for more in ["", "name=Again"] {
        let again = stranger
            .tries_to_create_conversation(&[&world.kate], more)
            .await;
        let again = again.fails(403, "not_accepting_messages", "participants[]");
        assert!(again.text.contains(&world.kate.username), "{}", again.text);
    }
    let group = stranger
        .creates_conversation(&[&world.linnie], "name=Group")
        .await;
    group.adds_participant(&world.kate).await.fails(
        403,
        "not_accepting_messages",
        "participants[]",
    );
    let seen = group.gets_conversation().await.json();
    assert_eq!(seen["contacts"].as_array().unwrap().len(), 2);
    // Others can, and so can Kate herself.
    world.linnie.creates_conversation(&[&world.kate], "").await;
    world.kate.creates_conversation(&[&stranger], "").await;
}

#[tokio::test]
async fn who_leaves_an_accepted_group_cannot_be_added_to_another_by_the_same_contact() {
    let world = World::new().await;
    let (kevin, kate, linnie) = (&world.kevin, &world.kate, &world.linnie);
    let others = [kate, linnie, &world.buzz];
    let kevin = kevin.creates_conversation(&others, "name=Home").await;
    let other = kevin.creates_conversation(&[linnie], "name=Other").await;
    kate.within(kevin.conversation)
        .leaves_conversation()
        .await
        .is(204);
    for refused in [
        kevin
            .tries_to_create_conversation(&[kate], "name=Again")
            .await,
        other.adds_participant(kate).await,
    ] {
        refused.fails(403, "not_accepting_messages", "participants[]");
    }
    // Others can, and so can Kate; and the conversations that she has not left go on.
    linnie.creates_conversation(&[kate], "name=Again").await;
    kate.creates_conversation(&[&kevin], "name=Mine").await;
    kevin.within(world.conversation).sends("hello").await;
    // A creator who leaves was added by nobody.
    kevin.leaves_conversation().await.is(204);
    linnie.creates_conversation(&[&kevin], "name=More").await;
}

#[tokio::test]
async fn a_decline_is_remembered_against_who_added_the_contact() {
    let world = World::new().await;
    let (kevin, kate, buzz) = (&world.kevin, &world.kate, &world.buzz);
    let kate = kate
        .creates_conversation(&[kevin, &world.linnie], "name=Home")
        .await;
    kate.leaves_conversation().await.is(204);
    let kevin = kevin.within(kate.conversation);
    kevin.adds_participant(buzz).await.is(200);
    let buzz = buzz.within(kate.conversation);
    buzz.leaves_conversation().await.is(204);
    kevin
        .tries_to_create_conversation(&[&buzz], "")
        .await
        .fails(403, "not_accepting_messages", "participants[]");
    kate.creates_conversation(&[&buzz], "").await;
}

#[tokio::test]
async fn a_decline_is_remembered_against_who_asked_even_if_that_one_has_left() {
    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    let pair = kevin.creates_conversation(&[buzz], "").await;
    pair.leaves_conversation().await.is(204);
    let invited = buzz.within(pair.conversation);
    invited.leaves_conversation().await.is(204);
    let again = kevin.tries_to_create_conversation(&[buzz], "").await;
    again.fails(403, "not_accepting_messages", "participants[]");

    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    let group = kevin
        .creates_conversation(&[&world.kate, buzz], "name=Home")
        .await;
    group.leaves_conversation().await.is(204);
    let invited = buzz.within(group.conversation);
    invited.leaves_conversation().await.is(204);
    let again = kevin.tries_to_create_conversation(&[buzz], "").await;
    again.fails(403, "not_accepting_messages", "participants[]");
    // Kate has not asked.
    world.kate.creates_conversation(&[buzz], "").await;
}

#[tokio::test]
async fn who_is_blocked_can_neither_edit_nor_react_in_a_conversation_of_two() {
    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    let kevin = kevin.creates_conversation(&[buzz], "").await;
    let buzz = buzz.within(kevin.conversation);
    buzz.accepts().await;
    let id = kevin.sends("hello").await;
    kevin.reacts(&id, "heart").await.is(200);
    buzz.blocks(&kevin).await.is(204);
    for form in ["message=after+the+block", "reactions[joy][]=me"] {
        let form = form.replace("=me", &format!("={}", kevin.username));
        let refused = kevin.updates_message(&id, form).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert_eq!(refused.json()["code"], "not_accepting_messages");
    }
    let seen = buzz.gets_message(&id).await.is(200).json();
    assert_eq!(seen["message"], "hello");
    assert!(!seen.to_string().contains("joy"), "{seen}");
    // Taking something back is no message.
    kevin
        .updates_message(&id, "reactions[heart]=")
        .await
        .is(200);
    kevin.deletes_message(&id).await.is(204);
}

#[tokio::test]
async fn a_blocked_contact_cannot_reach_the_other_one_of_a_group_of_two_by_its_name_or_by_adding_a_third()
 {
    let world = World::new().await;
    let (buzz, linnie) = (&world.buzz, &world.linnie);
    let buzz = buzz.creates_conversation(&[linnie], "name=Group").await;
    let linnie = linnie.within(buzz.conversation);
    linnie.accepts().await;
    buzz.adds_participant(&world.kate).await.is(200);
    linnie.blocks(&buzz).await.is(204);
    // Kate has not accepted: it is still between the two.
    buzz.tries_to_send("hello")
        .await
        .fails(403, "not_accepting_messages", ());
    buzz.adds_participant(&world.kevin)
        .await
        .fails(403, "not_accepting_messages", ());
    buzz.updates_conversation("name=I+know+where+you+live")
        .await
        .fails(403, "not_accepting_messages", ());
    assert_eq!(linnie.gets_conversation().await.json()["name"], "Group");
    buzz.updates_conversation("is_muted=true").await.is(200);
    // In a group, messages go on.
    world.kate.within(buzz.conversation).accepts().await;
    buzz.sends("to both").await;
    buzz.updates_conversation("name=Three").await.is(200);
}

#[tokio::test]
async fn who_leaves_after_having_been_removed_cannot_be_added_again_for_a_day() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let kevin = kevin.creates_conversation(&[kate], "name=Group").await;
    let kate = kate.within(kevin.conversation);
    kevin.removes_participant(&kate).await.is(204);
    kate.leaves_conversation().await.is(204);
    kevin
        .adds_participant(&kate)
        .await
        .fails(403, "not_accepting_messages", "participants[]");
    kevin
        .tries_to_create_conversation(&[&kate], "name=Another")
        .await
        .fails(403, "not_accepting_messages", "participants[]");
    kate.leaves_conversation().await.is(204);
}

#[tokio::test]
async fn marking_as_read_accepts_even_if_another_has_marked_the_message_before() {
    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    let kevin = kevin
        .creates_conversation(&[&world.kate, buzz], "name=Home")
        .await;
    let id = kevin.sends("hello").await;
    let kate = world.kate.within(kevin.conversation);
    kate.updates_message(&id, "read=true").await.is(200);
    let buzz = buzz.within(kevin.conversation);
    buzz.updates_message(&id, "read=true").await.is(200);
    assert_eq!(buzz.gets_conversation().await.json()["is_pending"], false);
}

#[tokio::test]
async fn who_leaves_a_group_cannot_be_added_again_for_a_day_but_who_was_removed_can() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    kevin.removes_participant(&world.linnie).await.is(204);
    kevin.adds_participant(&world.linnie).await.is(200);
    let kate = world.kate.within(kevin.conversation);
    kate.leaves_conversation().await.is(204);
    for _ in 0..2 {
        kevin.adds_participant(&world.kate).await.fails(
            403,
            "not_accepting_messages",
            "participants[]",
        );
    }
}

#[tokio::test]
async fn a_blocked_contact_cannot_begin_add_or_send_and_sees_no_presence() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let two = kevin.creates_conversation(&[kate], "").await;
    let group = kevin
        .creates_conversation(&[&world.linnie], "name=Group")
        .await;
    two.sends("before").await;
    kate.blocks(kevin).await.is(204);
    kate.blocks(kevin).await.is(204);
    let blocks = kate.gets("/v1/blocks").await.is(200);
    assert_eq!(blocks.ids(), [kevin.id.to_string()]);
    two.tries_to_send("hello")
        .await
        .fails(403, "not_accepting_messages", ());
    kevin
        .tries_to_create_conversation(&[kate], "name=Another")
        .await
        .fails(403, "not_accepting_messages", "participants[]");
    group
        .adds_participant(kate)
        .await
        .fails(403, "not_accepting_messages", "participants[]");
    let named = kate.creates_conversation(&[kevin], "name=Two").await;
    kevin
        .within(named.conversation)
        .tries_to_send("hello")
        .await
        .fails(403, "not_accepting_messages", ());
    // Phone number and last activity are hidden both ways, also in a group, where sending goes on.
    kevin.sends("to all three").await;
    for (viewer, other) in [(kevin, kate), (kate, kevin)] {
        let seen = viewer.gets_conversation().await.is(200).json();
        let contact = own_view(&seen, other);
        assert_eq!(contact["username"], other.username);
        assert_eq!(contact["phone_number"], Value::Null);
        assert_eq!(contact["last_active_at"], Value::Null);
        let path = format!("/v1/contacts/{}", other.id);
        let contact = viewer.gets(&path).await.is(200).json();
        assert_eq!(contact["phone_number"], Value::Null);
        assert_eq!(contact["last_active_at"], Value::Null);
    }
    let message = kate.lists_messages("limit=1").await.json()["data"][0].clone();
    assert_eq!(message["contact"]["username"], kevin.username);
    assert_eq!(message["contact"]["phone_number"], Value::Null);
    // The one who blocks can still write to the other.
    kate.within(two.conversation)
        .sends("and another thing")
        .await;
    kate.unblocks(kevin).await.is(204);
    kate.unblocks(kevin).await.is(204);
    assert!(kate.gets("/v1/blocks").await.ids().is_empty());
    two.sends("hello").await;
    let path = format!("/v1/contacts/{}", kate.id);
    let contact = kevin.gets(&path).await.is(200).json();
    assert_eq!(contact["phone_number"], kate.phone_number());
}

#[tokio::test]
async fn up_to_100_contacts_can_be_blocked() {
    let world = World::new().await;
    let kate = &world.kate;
    kate.blocks(kate)
        .await
        .fails(400, "parameter_invalid", "id");
    for path in ["/v1/blocks/0000000000000000", "/v1/blocks/nonsense"] {
        kate.requests(reqwest::Method::PUT, path, &[], ())
            .await
            .fails(404, "contact_not_found", "id");
    }
    let mut crowd = Vec::new();
    for _ in 0..101 {
        crowd.push(world.new_person("one").await);
    }
    for person in &crowd[..100] {
        kate.blocks(person).await.is(204);
    }
    kate.blocks(&crowd[100])
        .await
        .fails(409, "too_many_blocks", ());
    kate.blocks(&crowd[0]).await.is(204);
    let mut ids: Vec<_> = crowd[..100].iter().map(|one| one.id.to_string()).collect();
    ids.sort();
    let first = kate.gets("/v1/blocks?limit=60").await.is(200);
    assert_eq!(
        (first.ids(), &first.json()["has_more"]),
        (ids[..60].to_vec(), &json!(true))
    );
    let rest = format!("/v1/blocks?limit=60&starting_after={}", ids[59]);
    let rest = kate.gets(&rest).await.is(200);
    assert_eq!(
        (rest.ids(), &rest.json()["has_more"]),
        (ids[60..].to_vec(), &json!(false))
    );
    let back = format!("/v1/blocks?limit=2&ending_before={}", ids[60]);
    assert_eq!(kate.gets(&back).await.ids(), ids[58..60]);
}

#[tokio::test]
async fn the_id_of_a_stranger_is_like_an_id_that_does_not_exist() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let [stranger, blocking, asked] = [
        world.new_person("stranger").await,
        world.new_person("blocking").await,
        world.new_person("asked").await,
    ];
    blocking.blocks(&kevin).await.is(204);
    kevin.creates_conversation(&[&asked], "").await;
    let participants = format!("/v1/conversations/{}/participants", kevin.conversation);
    for (path, more) in [("/v1/conversations", "&name=a"), (&participants, "")] {
        for id in [stranger.id, blocking.id, asked.id, ContactId::random()] {
            let form = format!(
                "participants[]={}&participants[]={id}{more}",
                world.linnie.id
            );
            let refused = kevin.posts(path, form).await;
            let refused = refused.fails(404, "contact_not_found", "participants[]");
            let message = format!("no such contact: {id}");
            assert_eq!(refused.json()["message"], message);
        }
        // By its username, everyone can ask it.
        let form = format!("participants[]={}{more}", stranger.username);
        assert!(kevin.posts(path, form).await.status.is_success());
    }
    // A participant can be named by its id, whether it has accepted or not, and so can oneself.
    let form = format!("participants[]={}&participants[]={}", stranger.id, kevin.id);
    kevin.posts(&participants, form).await.is(200);
}

#[tokio::test]
async fn accepted_false_and_both_lists_at_once_are_invalid() {
    let world = World::new().await;
    world
        .kevin
        .updates_conversation("accepted=false")
        .await
        .fails(400, "parameter_invalid", "accepted");
    world
        .kevin
        .lists_conversations("archived=true&pending=true")
        .await
        .fails(400, "parameter_invalid", "pending");
}

#[tokio::test]
async fn a_block_by_a_former_participant_does_not_stop_the_last_one_from_writing() {
    let world = World::new().await;
    let (kevin, buzz) = (&world.kevin, &world.buzz);
    let two = kevin.creates_conversation(&[buzz], "").await;
    let as_buzz = buzz.within(two.conversation);
    as_buzz.accepts().await.is(200);
    kevin.blocks(buzz).await.is(204);
    two.sends("bye").await;
    as_buzz
        .tries_to_send("wait")
        .await
        .fails(403, "not_accepting_messages", ());
    two.leaves_conversation().await.is(204);
    as_buzz.tries_to_send("notes to myself").await.is(201);
}
