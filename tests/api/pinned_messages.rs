//! Pinned messages: `is_pinned` of `PUT /v1/messages/:id` and of `GET /v1/messages`.

use futures_util::future::join_all;
use serde_json::json;
use shared::key::Scope;

use crate::harness::{Json, Person, Response, World};

impl Person {
    async fn pins(&self, id: &str) -> Response {
        self.updates_message(id, "is_pinned=true").await
    }

    async fn unpins(&self, id: &str) -> Response {
        self.updates_message(id, "is_pinned=false").await
    }

    async fn lists_pinned(&self, query: &str) -> Response {
        let query = format!("is_pinned=true&{query}");
        self.lists_messages(&query).await.is(200)
    }
}

#[tokio::test]
async fn a_pinned_message_is_pinned_for_all_participants_until_one_unpins_it() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let id = kevin.sends("one").await;
    kevin.sends("two").await;
    let before = kevin.gets_message(&id).await.is(200);
    assert_eq!(before.json()["is_pinned"], false);
    assert_eq!(kevin.lists_pinned("").await.ids(), [""; 0]);

    let pinned = kate.pins(&id).await.is(200);
    assert_eq!(pinned.json()["is_pinned"], true);
    assert!(pinned.json()["updated_at"].is_u64());
    let after = kevin.gets_message(&id).await.is(200);
    assert_eq!(after.text, pinned.text);
    assert_eq!(after.header("etag"), pinned.header("etag"));
    assert_ne!(after.header("etag"), before.header("etag"));
    let list = world.linnie.lists_pinned("").await;
    assert_eq!(list.json()["data"], json!([pinned.json()]));
    assert_eq!(list.json()["has_more"], false);
    let all = world.linnie.lists_messages("").await.is(200).json();
    let marks: Vec<_> = all["data"].as_array().unwrap().iter().collect();
    assert_eq!(marks[0]["is_pinned"], false);
    assert_eq!(marks[1]["is_pinned"], true);

    // The same again changes nothing.
    let again = kevin.pins(&id).await.is(200);
    assert_eq!(again.header("etag"), pinned.header("etag"));
    let unpinned = world.linnie.unpins(&id).await.is(200);
    assert_eq!(unpinned.json()["is_pinned"], false);
    assert_eq!(kate.lists_pinned("").await.ids(), [""; 0]);
    let again = kevin.unpins(&id).await.is(200);
    assert_eq!(again.header("etag"), unpinned.header("etag"));
    assert_eq!(world.inconsistencies().await, []);
}

#[tokio::test]
async fn a_pin_and_other_changes_are_made_together_or_not_at_all() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("one").await;
    let file = kevin.uploads("a.jpg", b"a").await;
    let form = format!("is_pinned=true&message=uno&attachments[]={file}");
    let updated = kevin.updates_message(&id, form).await.is(200).json();
    assert_eq!(
        (&updated["is_pinned"], &updated["message"]),
        (&json!(true), &json!("uno"))
    );
    assert_eq!(updated["attachments"][0]["id"], json!(file));
    let (kate, form) = (&world.kate, "is_pinned=false&message=no");
    kate.updates_message(&id, form)
        .await
        .fails(403, "not_the_author", "message");
    assert_eq!(kate.lists_pinned("").await.ids(), [id.as_str()]);
    let tag = "\"1-0000000000000000\"";
    kate.updates_message_if_match(&id, tag, "is_pinned=false")
        .await
        .fails(412, "precondition_failed", "If-Match");
    assert_eq!(kate.lists_pinned("").await.ids(), [id]);
}

#[tokio::test]
async fn pinned_messages_have_pages_like_all_others() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let mut ids = Vec::new();
    for number in 0..7 {
        let id = kevin.sends(&number.to_string()).await;
        kevin.sends("not pinned").await;
        ids.push(id);
    }
    // The order of pinning does not matter.
    for index in [3, 0, 6, 1, 5, 2, 4] {
        kevin.pins(&ids[index]).await.is(200);
    }
    ids.reverse();
    let mut found = Vec::new();
    let mut target = format!(
        "/v1/messages?conversation_id={}&is_pinned=true&limit=3",
        kevin.conversation
    );
    for (number, more) in [(3, true), (3, true), (1, false)] {
        let page = kevin.gets(&target).await.is(200);
        assert_eq!(page.ids().len(), number);
        assert_eq!(page.json()["has_more"], more);
        found.extend(page.ids());
        if more {
            target = page.link("next").unwrap();
        }
    }
    assert_eq!(found, ids);
    let newer = kevin
        .lists_pinned(&format!("limit=2&ending_before={}", ids[5]))
        .await;
    assert_eq!(newer.ids(), ids[3..5]);
    assert_eq!(newer.json()["has_more"], true);
    let none = kevin.lists_pinned("created_at[lt]=1000").await;
    assert_eq!(none.ids(), [""; 0]);
}

#[tokio::test]
async fn a_conversation_has_at_most_fifty_pinned_messages() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let mut ids = Vec::new();
    for number in 0..55 {
        ids.push(kevin.sends(&number.to_string()).await);
    }
    // Concurrently, but never more than 50.
    let responses = join_all(ids.iter().map(|id| kevin.pins(id))).await;
    let (pinned, refused): (Vec<_>, Vec<_>) = responses
        .into_iter()
        .partition(|response| response.status == 200);
    assert_eq!((pinned.len(), refused.len()), (50, 5));
    for response in refused {
        response.fails(409, "too_many_pinned", "is_pinned");
    }
    let listed = kevin.lists_pinned("limit=100").await.ids();
    assert_eq!(listed.len(), 50);
    // One that is pinned already is fine, and unpinning one makes room.
    kevin.pins(&listed[0]).await.is(200);
    let other = ids.iter().find(|id| !listed.contains(id)).unwrap();
    kevin
        .pins(other)
        .await
        .fails(409, "too_many_pinned", "is_pinned");
    kevin.unpins(&listed[0]).await.is(200);
    kevin.pins(other).await.is(200);
    assert_eq!(world.inconsistencies().await, []);
}

#[tokio::test]
async fn a_deleted_message_is_not_pinned_any_more() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    let moderator = world.new_server(&[Scope::Moderate]).await;
    let mut ids = Vec::new();
    for text in ["own", "after leaving", "by a moderator", "stays"] {
        let id = kevin.sends(text).await;
        kate.pins(&id).await.is(200);
        ids.push(id);
    }
    kevin.deletes_message(&ids[0]).await.is(204);
    assert_eq!(kate.lists_pinned("").await.ids().len(), 3);
    kevin.leaves_conversation().await.is(204);
    kevin.deletes_message(&ids[1]).await.is(204);
    moderator.deletes_message(&ids[2]).await.is(204);
    assert_eq!(kate.lists_pinned("").await.ids(), ids[3..]);
    assert_eq!(world.inconsistencies().await, []);
}

#[tokio::test]
async fn a_message_that_is_deleted_while_it_is_pinned_leaves_no_pin_behind() {
    let world = World::new().await;
    let (kevin, kate) = (&world.kevin, &world.kate);
    for round in 0..20 {
        let id = kevin.sends(&round.to_string()).await;
        let deletion = kevin.deletes_message(&id);
        let (deleted, pinned, unpinned) =
            futures_util::join!(deletion, kate.pins(&id), kate.unpins(&id));
        deleted.is(204);
        for response in [pinned, unpinned] {
            assert!(
                [200, 404].contains(&response.status.as_u16()),
                "{response:?}"
            );
        }
    }
    assert_eq!(kate.lists_pinned("").await.ids(), [""; 0]);
    assert_eq!(world.inconsistencies().await, []);
}

#[tokio::test]
async fn only_participants_see_and_change_pins() {
    let world = World::new().await;
    let id = world.kevin.sends("one").await;
    world.kevin.pins(&id).await.is(200);
    let stranger = world.buzz.within(world.conversation);
    for response in [stranger.pins(&id).await, stranger.unpins(&id).await] {
        response.fails(404, "message_not_found", "id");
    }
    stranger.lists_messages("is_pinned=true").await.fails(
        404,
        "conversation_not_found",
        "conversation_id",
    );
    let moderator = world.new_server(&[Scope::Moderate]).await;
    let moderator = moderator.within(world.conversation);
    assert_eq!(moderator.lists_pinned("").await.ids(), [id]);
}

#[tokio::test]
async fn pinning_is_refused_by_who_has_blocked_the_caller_and_unpinning_is_not() {
    let world = World::new().await;
    let pair = world.kevin.creates_conversation(&[&world.kate], "").await;
    let first = pair.sends("one").await;
    let second = pair.sends("two").await;
    pair.pins(&first).await.is(200);
    world.kate.blocks(&world.kevin).await.is(204);
    pair.pins(&second)
        .await
        .fails(403, "not_accepting_messages", ());
    pair.unpins(&first).await.is(200);
}

#[tokio::test]
async fn the_parameters_of_pins_are_checked() {
    let world = World::new().await;
    let kevin = &world.kevin;
    let id = kevin.sends("one").await;
    for body in [json!({"is_pinned": null}), json!({})] {
        let empty = kevin.updates_message(&id, Json(body)).await;
        empty.fails(400, "parameter_missing", ());
    }
    let text = kevin.updates_message(&id, "is_pinned=yes").await;
    text.fails(400, "parameter_invalid", "is_pinned");
    kevin
        .lists_messages("is_pinned=false")
        .await
        .fails(400, "parameter_invalid", "is_pinned");
    let both = format!("is_pinned=true&contact_id={}", kevin.id);
    kevin
        .lists_messages(&both)
        .await
        .fails(400, "parameter_invalid", "is_pinned");
    kevin
        .lists_inbox("is_pinned=true")
        .await
        .fails(400, "parameter_missing", "conversation_id");
}
