//! The requests of the API reference, with the demo data.

use local_stack::demo;
use serde_json::{Value, json};
use shared::id::ConversationId;

use crate::harness::{Person, World};

/// Returns a contact of the demo data.
async fn demo_person(world: &World, username: &str) -> Person {
    demo::load(world.store(), world.bucket()).await.unwrap();
    let person = demo::CONTACTS
        .iter()
        .find(|person| person.username == username)
        .unwrap();
    let unknown = Person::new(
        &world.kevin.url,
        username,
        demo::CONVERSATION_ID.parse().unwrap(),
    );
    Person {
        id: person.id.parse().unwrap(),
        username: username.to_owned(),
        ..unknown.with_token(person.token)
    }
}

#[tokio::test]
async fn a_conversation_is_listed_newest_first() {
    let world = World::new().await;
    let kevin = demo_person(&world, "KevinMcCallister").await;
    let page = kevin
        .gets("/v1/messages?conversation_id=xgQQXg3hrtjh7AvZ&limit=10")
        .await
        .is(200)
        .json();
    assert_eq!(page["has_more"], false);
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert_eq!(page["data"][1]["contact"]["id"], "WAz8eIbvDR60rouK");
    assert_eq!(
        page["data"][1]["message"],
        "It’s a nice night for a neck injury."
    );
    assert_eq!(page["data"][1]["created_at"], 692_233_200);
    assert_eq!(page["data"][1]["read_at"], 705_103_200);
}

#[tokio::test]
async fn a_message_is_sent_as_a_form_with_unencoded_utf_8() {
    let world = World::new().await;
    let linnie = demo_person(&world, "LinnieMcCallister").await;
    let form =
        "conversation_id=xgQQXg3hrtjh7AvZ&message=You’re what the French call ‘les incompetents.’";
    let sent = linnie.posts("/v1/messages", form).await.is(201).json();
    assert_eq!(
        sent["message"],
        "You’re what the French call ‘les incompetents.’"
    );
    assert_eq!(sent["contact"]["username"], "LinnieMcCallister");
}

#[tokio::test]
async fn a_message_has_every_field_of_the_reference() {
    let world = World::new().await;
    let kate = demo_person(&world, "KateMcCallister").await;
    let id = demo::message_ids().unwrap()[0].to_string();
    let expected = json!({
        "id": id,
        "conversation_id": "xgQQXg3hrtjh7AvZ",
        "contact": {
            "id": "WAz8eIbvDR60rouK",
            "username": "KevinMcCallister",
            "phone_number": "1-800-759-3000",
            "avatar_url": "https://example.com/avatars/kevin.jpg",
            "metadata": {},
            "last_active_at": 705_103_200,
            "created_at": 692_233_200,
            "external_id": null,
            "suspended_at": null,
        },
        "sent_by": "contact",
        "message": "It’s a nice night for a neck injury.",
        "reply_to": null,
        "reactions": [{"red_angry_face": ["KateMcCallister"]}],
        "metadata": {},
        "is_pinned": false,
        "attachments": [{
            "id": "3AZ9WjjTFxgQQXg3hrtjh7AvZ",
            "message_id": id,
            "filename": "house.png",
            "file_url": format!("{}/v1/attachments/3AZ9WjjTFxgQQXg3hrtjh7AvZ/file", kate.url),
            "file_type": "image/png",
            "file_size": 430,
            "created_at": 692_233_200,
        }],
        "read_at": 705_103_200,
        "created_at": 692_233_200,
        "edited_at": null,
        "updated_at": 705_103_200,
    });
    assert_eq!(kate.gets_message(&id).await.is(200).json(), expected);
}

#[tokio::test]
async fn a_reaction_is_added_with_bracket_syntax() {
    let world = World::new().await;
    let kate = demo_person(&world, "KateMcCallister").await;
    let id = kate.sends("Kevin!").await;
    let changed = kate
        .updates_message(&id, "reactions[red_angry_face][]=KateMcCallister")
        .await
        .is(200)
        .json();
    assert_eq!(
        changed["reactions"],
        json!([{"red_angry_face": ["KateMcCallister"]}])
    );
}

#[tokio::test]
async fn a_deleted_message_returns_404() {
    let world = World::new().await;
    let kevin = demo_person(&world, "KevinMcCallister").await;
    let id = demo::message_ids().unwrap()[0].to_string();
    assert_eq!(kevin.deletes_message(&id).await.is(204).json(), Value::Null);
    kevin
        .gets_message(&id)
        .await
        .fails(404, "message_not_found", "id");
}

#[tokio::test]
async fn buzz_sees_only_his_own_conversation() {
    let world = World::new().await;
    let buzz = demo_person(&world, "BuzzMcCallister").await;
    buzz.lists_messages("")
        .await
        .fails(404, "conversation_not_found", "conversation_id");
    let own: ConversationId = "BuzzTalksToBuzz0".parse().unwrap();
    buzz.within(own)
        .sends("I’m gonna feed him to my tarantula.")
        .await;
}
