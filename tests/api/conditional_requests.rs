//! `ETag`, `If-Match` and `If-None-Match`: conditional reads, updates and deletes.

use reqwest::Method;

use crate::harness::{Person, Response, World};

async fn deletes_if_match(person: &Person, id: &str, tag: &str) -> Response {
    let headers = [("if-match", tag)];
    person
        .requests(Method::DELETE, &format!("/v1/messages/{id}"), &headers, ())
        .await
}

async fn gets_if_none_match(person: &Person, id: &str, tag: &str) -> Response {
    let headers = [("if-none-match", tag)];
    person
        .requests(Method::GET, &format!("/v1/messages/{id}"), &headers, ())
        .await
}

#[tokio::test]
async fn every_change_of_a_message_changes_its_etag() {
    let world = World::active().await;
    let sent = world.kevin.tries_to_send("1").await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let mut tags = vec![sent.header("etag").to_owned()];
    assert!(
        tags[0].starts_with('"') && tags[0].ends_with('"'),
        "{tags:?}"
    );
    for (person, form) in [
        (&world.kevin, "message=2".to_owned()),
        (
            &world.kate,
            format!("reactions[heart][]={}", world.kate.username),
        ),
        (&world.kate, "read=true".to_owned()),
        (&world.kate, "reactions[heart]=".to_owned()),
    ] {
        let changed = person.updates_message(&id, form).await.is(200);
        assert_eq!(
            world.linnie.gets_message(&id).await.header("etag"),
            changed.header("etag")
        );
        assert!(
            !tags.contains(&changed.header("etag").to_owned()),
            "{tags:?}"
        );
        tags.push(changed.header("etag").to_owned());
    }
    let nothing = world.kate.updates_message(&id, "read=true").await.is(200);
    assert_eq!(nothing.header("etag"), tags[4], "the update has no effect");
    world
        .linnie
        .updates_conversation(&format!("read_up_to={id}"))
        .await
        .is(200);
    assert_eq!(
        world.linnie.gets_message(&id).await.header("etag"),
        tags[4],
        "the message was already read"
    );
}

#[tokio::test]
async fn read_up_to_changes_the_etag_but_not_the_version() {
    let world = World::active().await;
    let sent = world.kevin.tries_to_send("hello").await.is(201);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let tag = sent.header("etag");
    let read = format!("read_up_to={id}");
    world.kate.updates_conversation(&read).await.is(200);
    let response = gets_if_none_match(&world.kevin, &id, tag).await.is(200);
    assert!(response.json()["read_at"].is_u64());
    let edited = world
        .kevin
        .updates_message_if_match(&id, tag, "message=edited")
        .await;
    edited.is(200);
}

#[tokio::test]
async fn a_profile_update_of_the_author_changes_the_etag_but_not_the_version() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let old = world.kate.gets_message(&id).await.header("etag").to_owned();
    let form = "phone_number=1-800-759-3000";
    world.kevin.puts("/v1/me", form).await.is(200);
    let response = gets_if_none_match(&world.kate, &id, &old).await.is(200);
    assert_ne!(response.header("etag"), old);
    world
        .kevin
        .updates_message_if_match(&id, &old, "message=edited")
        .await
        .is(200);
}

#[tokio::test]
async fn repeating_an_applied_edit_with_the_old_etag_returns_200() {
    let world = World::active().await;
    let id = world.kevin.sends("1").await;
    let old = world
        .kevin
        .gets_message(&id)
        .await
        .header("etag")
        .to_owned();
    let first = world
        .kevin
        .updates_message_if_match(&id, &old, "message=2")
        .await
        .is(200);
    let again = world
        .kevin
        .updates_message_if_match(&id, &old, "message=2")
        .await
        .is(200);
    assert_eq!(again.json(), first.json());
    let other = world
        .kevin
        .updates_message_if_match(&id, &old, "message=3")
        .await;
    other.fails(412, "precondition_failed", "If-Match");
}

#[tokio::test]
async fn if_none_match_with_the_current_etag_returns_304() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let tag = world.kate.gets_message(&id).await.header("etag").to_owned();
    for tags in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        let response = gets_if_none_match(&world.kate, &id, &tags).await.is(304);
        assert_eq!(
            (response.text.as_str(), response.header("etag")),
            ("", tag.as_str())
        );
    }
    gets_if_none_match(&world.kate, &id, "\"x\"").await.is(200);
    world
        .kevin
        .updates_message(&id, "message=changed")
        .await
        .is(200);
    let response = gets_if_none_match(&world.kate, &id, &tag).await.is(200);
    assert_eq!(response.json()["message"], "changed");
    gets_if_none_match(&world.buzz, &id, "*").await.is(404);
}

#[tokio::test]
async fn if_match_with_a_stale_or_weak_etag_returns_412() {
    let world = World::new().await;
    let id = world.kevin.sends("1").await;
    let old = world
        .kevin
        .gets_message(&id)
        .await
        .header("etag")
        .to_owned();
    world.kate.reacts(&id, "heart").await.is(200);
    let before = world.kate.gets_message(&id).await;
    let weak = format!("W/{}", before.header("etag"));
    for tag in [old.as_str(), "\"x\"", &weak] {
        let response = world
            .kevin
            .updates_message_if_match(&id, tag, "message=2")
            .await;
        response.fails(412, "precondition_failed", "If-Match");
        deletes_if_match(&world.kevin, &id, tag).await.fails(
            412,
            "precondition_failed",
            "If-Match",
        );
    }
    assert_eq!(world.kate.gets_message(&id).await.json(), before.json());
    let tags = format!("{old}, {}", before.header("etag"));
    let changed = world
        .kevin
        .updates_message_if_match(&id, &tags, "message=2")
        .await
        .is(200);
    assert_eq!(changed.json()["message"], "2");
    world
        .kevin
        .updates_message_if_match(&id, "*", "message=3")
        .await
        .is(200);
}

#[tokio::test]
async fn of_concurrent_edits_of_one_version_exactly_one_succeeds() {
    let world = World::new().await;
    let id = world.kevin.sends("0").await;
    for round in 0..5 {
        let tag = world
            .kevin
            .gets_message(&id)
            .await
            .header("etag")
            .to_owned();
        let forms: Vec<_> = (0..10)
            .map(|number| format!("message={round}.{number}"))
            .collect();
        let edits = forms
            .iter()
            .map(|form| world.kevin.updates_message_if_match(&id, &tag, form));
        let responses = futures_util::future::join_all(edits).await;
        let made: Vec<_> = responses
            .iter()
            .filter(|response| response.status == 200)
            .collect();
        assert_eq!(made.len(), 1, "{responses:?}");
        assert!(
            responses
                .iter()
                .all(|response| [200, 412].contains(&response.status.as_u16()))
        );
        assert_eq!(world.kate.gets_message(&id).await.json(), made[0].json());
    }
}

#[tokio::test]
async fn a_delete_with_the_current_etag_returns_204() {
    let world = World::new().await;
    let id = world.kevin.sends("1").await;
    let tag = world
        .kevin
        .gets_message(&id)
        .await
        .header("etag")
        .to_owned();
    deletes_if_match(&world.kevin, &id, &tag).await.is(204);
    world.kevin.gets_message(&id).await.is(404);
    deletes_if_match(&world.kevin, &id, &tag).await.is(204);
    deletes_if_match(&world.buzz, &id, &tag).await.is(404);
}

#[tokio::test]
async fn if_match_and_if_none_match_with_a_malformed_tag_return_400() {
    let world = World::new().await;
    let id = world.kevin.sends("1").await;
    for tag in ["1", "\"1", "", "\"1\" \"2\""] {
        let response = world
            .kevin
            .updates_message_if_match(&id, tag, "message=2")
            .await;
        response.fails(400, "parameter_invalid", "If-Match");
        let response = gets_if_none_match(&world.kevin, &id, tag).await;
        response.fails(400, "parameter_invalid", "If-None-Match");
    }
}

#[tokio::test]
async fn if_match_by_another_participant_returns_403() {
    let world = World::new().await;
    let id = world.kevin.sends("1").await;
    let theirs = world
        .kate
        .updates_message_if_match(&id, "\"9\"", "message=2")
        .await;
    theirs.fails(403, "not_the_author", "message");
}
