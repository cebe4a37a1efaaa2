//! Contacts: oneself, those one talks to, and whoever one knows by name.

use serde_json::{Value, json};

use crate::harness::{Json, World};

#[tokio::test]
async fn contacts_are_those_one_shares_a_conversation_with() {
    let world = World::new().await;
    let mut expected = [world.kate.id.to_string(), world.linnie.id.to_string()];
    expected.sort();
    let page = world.kevin.gets("/v1/contacts").await.is(200);
    assert_eq!(page.ids(), expected);
    assert!(
        world
            .buzz
            .gets("/v1/contacts")
            .await
            .is(200)
            .ids()
            .is_empty()
    );
    world.kevin.begins(&[&world.buzz], "").await;
    world.kevin.begins(&[&world.kate, &world.buzz], "").await;
    assert_eq!(world.buzz.gets("/v1/contacts").await.ids().len(), 2);
    let first = world.kevin.gets("/v1/contacts?limit=2").await.is(200);
    assert_eq!(first.json()["has_more"], true);
    let rest = format!("/v1/contacts?starting_after={}", first.ids()[1]);
    let rest = world.kevin.gets(&rest).await.is(200);
    assert_eq!(
        (rest.ids().len(), &rest.json()["has_more"]),
        (1, &json!(false))
    );
    let back = format!("/v1/contacts?limit=1&ending_before={}", rest.ids()[0]);
    let back = world.kevin.gets(&back).await.is(200);
    assert_eq!(
        (back.ids(), &back.json()["has_more"]),
        (vec![first.ids()[1].clone()], &json!(true))
    );
    world.kevin.leaves().await.is(204);
    assert_eq!(
        world.linnie.gets("/v1/contacts").await.ids(),
        [world.kate.id.to_string()]
    );
}

#[tokio::test]
async fn a_contact_shows_its_phone_number_only_to_those_it_talks_to() {
    let world = World::new().await;
    let look_up = format!(
        "/v1/contacts?username={}",
        world.kevin.username.to_lowercase()
    );
    let by_friend = world.kate.gets(&look_up).await.is(200).json()["data"][0].clone();
    assert_eq!(by_friend["phone_number"], world.kevin.phone_number());
    let by_stranger = world.buzz.gets(&look_up).await.is(200).json()["data"][0].clone();
    assert_eq!(by_stranger["username"], world.kevin.username);
    assert_eq!(by_stranger["phone_number"], Value::Null);
    assert_eq!(by_stranger["last_active_at"], Value::Null);
    let nobody = world
        .buzz
        .gets("/v1/contacts?username=nobody.here")
        .await
        .is(200)
        .json();
    assert_eq!(nobody, json!({"has_more": false, "data": []}));
    let answer = world.buzz.gets(&format!("{look_up}&limit=1")).await;
    answer.fails(400, "parameter_invalid", "username");
}

#[tokio::test]
async fn a_contact_is_there_for_those_it_talks_to_and_for_itself() {
    let world = World::new().await;
    let path = format!("/v1/contacts/{}", world.kevin.id);
    let seen = world.kate.gets(&path).await.is(200).json();
    assert_eq!(seen["phone_number"], world.kevin.phone_number());
    world.kevin.gets(&path).await.is(200);
    let mut bodies = Vec::new();
    for path in [
        path.as_str(),
        "/v1/contacts/0000000000000000",
        "/v1/contacts/nonsense",
    ] {
        let mut body = world
            .buzz
            .gets(path)
            .await
            .fails(404, "contact_not_found", "id")
            .json();
        body["request_id"].take();
        bodies.push(body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn one_sees_and_changes_oneself() {
    let world = World::new().await;
    let me = world.kevin.gets("/v1/me").await.is(200).json();
    assert_eq!(
        (&me["id"], &me["username"]),
        (&json!(world.kevin.id), &json!(world.kevin.username))
    );
    let url = "https://example.com/k.jpg?size=1";
    let form = format!("phone_number=%2B49+30+1&avatar_url={url}");
    let changed = world.kevin.puts("/v1/me", form).await.is(200).json();
    assert_eq!(changed["phone_number"], "+49 30 1");
    assert_eq!(changed["avatar_url"], url);
    assert_eq!(changed["username"], me["username"]);
    let seen = world
        .kate
        .gets(&format!("/v1/contacts/{}", world.kevin.id))
        .await
        .json();
    assert_eq!(seen["avatar_url"], url);
    let cleared = world
        .kevin
        .puts("/v1/me", "phone_number=")
        .await
        .is(200)
        .json();
    assert_eq!(
        (&cleared["phone_number"], &cleared["avatar_url"]),
        (&Value::Null, &json!(url))
    );
    let cleared = world
        .kevin
        .puts("/v1/me", Json(json!({"avatar_url": null})))
        .await
        .is(200)
        .json();
    assert_eq!(cleared["avatar_url"], Value::Null);
    assert_eq!(
        world.kevin.gets("/v1/me").await.json()["avatar_url"],
        Value::Null
    );
}

#[tokio::test]
async fn what_one_cannot_be_is_refused() {
    let world = World::new().await;
    let before = world.kevin.gets("/v1/me").await.json();
    let long = format!("username={}", "a".repeat(33));
    for (form, code, param) in [
        ("", "parameter_missing", Value::Null),
        ("username=ab", "parameter_invalid", json!("username")),
        (long.as_str(), "parameter_invalid", json!("username")),
        ("username=", "parameter_invalid", json!("username")),
        (
            "phone_number=call+me",
            "parameter_invalid",
            json!("phone_number"),
        ),
        (
            "avatar_url=javascript:alert(1)",
            "parameter_invalid",
            json!("avatar_url"),
        ),
        ("id=0000000000000000", "parameter_unknown", json!("id")),
    ] {
        world
            .kevin
            .puts("/v1/me", form)
            .await
            .fails(400, code, param);
    }
    let mut after = world.kevin.gets("/v1/me").await.json();
    after["last_active_at"] = before["last_active_at"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_new_username_shows_at_once_in_messages_and_reactions() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world.kevin.reacts(&id, "heart").await.is(200);
    let name = format!("new.{}", world.kevin.id);
    world
        .kevin
        .puts("/v1/me", format!("username={name}"))
        .await
        .is(200);
    let message = world.kate.reads(&id).await.is(200).json();
    assert_eq!(message["contact"]["username"], name);
    assert_eq!(message["reactions"], json!([{"heart": [name]}]));
    let old = world.kevin.reacts(&id, "joy").await;
    old.fails(403, "not_yourself", "reactions[joy][]");
    let kevin = crate::harness::Person {
        username: name,
        ..world.kevin.clone()
    };
    kevin.reacts(&id, "joy").await.is(200);
}

#[tokio::test]
async fn a_username_is_taken_once_in_any_case_and_free_again_afterwards() {
    let world = World::new().await;
    let name = format!("Shared.{}", world.kevin.id);
    world
        .kevin
        .puts("/v1/me", format!("username={name}"))
        .await
        .is(200);
    let upper = format!("username={}", name.to_uppercase());
    let form = format!("{upper}&phone_number=1");
    world
        .kate
        .puts("/v1/me", form)
        .await
        .fails(409, "username_taken", "username");
    let kate = world.kate.gets("/v1/me").await.json();
    assert_eq!(
        kate["phone_number"],
        world.kate.phone_number(),
        "nothing was changed"
    );
    let cased = world
        .kevin
        .puts("/v1/me", upper.as_str())
        .await
        .is(200)
        .json();
    assert_eq!(cased["username"], name.to_uppercase());
    let free = format!("username={}", world.kevin.username);
    world.kevin.puts("/v1/me", free).await.is(200);
    world.kate.puts("/v1/me", upper).await.is(200);
}

#[tokio::test]
async fn of_many_who_take_a_username_at_once_one_has_it() {
    let world = World::new().await;
    let name = format!("wanted.{}", world.kevin.id);
    let people = [&world.kevin, &world.kate, &world.linnie, &world.buzz];
    let takes = people.map(|person| person.puts("/v1/me", format!("username={name}")));
    let answers = futures_util::future::join_all(takes).await;
    let winners = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(winners, 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| [200, 409].contains(&answer.status.as_u16()))
    );
    let named = world
        .buzz
        .gets(&format!("/v1/contacts?username={name}"))
        .await;
    assert_eq!(named.ids().len(), 1);
}
