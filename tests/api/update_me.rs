//! `PUT /v1/me`

use serde_json::{Value, json};

use shared::id::ContactId;

use crate::harness::{Json, World};

#[tokio::test]
async fn fields_can_be_set_and_cleared() {
    let world = World::new().await;
    let url = "https://example.com/k.jpg?size=1";
    let form = format!("phone_number=%2B49+30+1&avatar_url={url}");
    let changed = world.kevin.puts("/v1/me", form).await.is(200).json();
    assert_eq!(changed["phone_number"], "+49 30 1");
    assert_eq!(changed["avatar_url"], url);
    assert_eq!(changed["username"], world.kevin.username);
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
async fn invalid_fields_return_400_and_change_nothing() {
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
async fn a_new_username_appears_immediately_in_messages_and_reactions() {
    let world = World::new().await;
    let id = world.kevin.sends("hello").await;
    world.kevin.reacts(&id, "heart").await.is(200);
    let name = format!("new.{}", world.kevin.id);
    world
        .kevin
        .puts("/v1/me", format!("username={name}"))
        .await
        .is(200);
    let message = world.kate.gets_message(&id).await.is(200).json();
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
async fn a_username_in_use_or_given_up_returns_409_in_any_case() {
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
        "the phone number is unchanged"
    );
    let cased = world
        .kevin
        .puts("/v1/me", upper.as_str())
        .await
        .is(200)
        .json();
    assert_eq!(cased["username"], name.to_uppercase());
    let old = format!("username={}", world.kevin.username);
    let given_up = world.kate.puts("/v1/me", old.as_str()).await;
    given_up.fails(409, "username_taken", "username");
    world.kevin.puts("/v1/me", old).await.is(200);
    let given_up = world.kate.puts("/v1/me", upper).await;
    given_up.fails(409, "username_taken", "username");
}

#[tokio::test]
async fn a_reserved_username_or_one_of_the_shape_of_an_id_returns_400() {
    let world = World::new().await;
    let like_id = world.kate.id.to_string();
    for (username, reason) in [
        ("admin", "reserved"),
        ("Support", "reserved"),
        ("EVERYONE", "reserved"),
        (like_id.as_str(), "shape of an id"),
        ("0000000000000000", "shape of an id"),
    ] {
        let form = format!("username={username}&phone_number=1");
        let refused = world.kevin.puts("/v1/me", form).await;
        let error = refused.fails(400, "parameter_invalid", "username").json();
        assert!(
            error["message"].as_str().unwrap().contains(reason),
            "{error}"
        );
    }
    let kevin = world.kevin.gets("/v1/me").await.json();
    assert_eq!(
        kevin["phone_number"],
        world.kevin.phone_number(),
        "unchanged"
    );
    for username in ["admin.", "16-characters-no"] {
        let form = format!("username={username}{}", &like_id[..4]);
        world.kevin.puts("/v1/me", form).await.is(200);
    }
}

#[tokio::test]
async fn a_contact_keeps_a_username_that_could_not_be_chosen() {
    let world = World::new().await;
    let person = world
        .new_person_named(&ContactId::random().to_string())
        .await;
    let lower = person.username.to_lowercase();
    person
        .puts("/v1/me", format!("username={lower}&phone_number=1"))
        .await
        .is(200);
    let query = format!("/v1/contacts?username={}", person.username);
    assert_eq!(
        world.kevin.gets(&query).await.is(200).ids(),
        [person.id.to_string()]
    );
    let created = world
        .kevin
        .tries_to_create_conversation(&[&person], "")
        .await;
    assert_eq!(
        created.is(201).json()["contacts"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn of_concurrent_claims_of_a_username_exactly_one_succeeds() {
    let world = World::new().await;
    let name = format!("wanted.{}", world.kevin.id);
    let contacts = [&world.kevin, &world.kate, &world.linnie, &world.buzz];
    let claims = contacts.map(|person| person.puts("/v1/me", format!("username={name}")));
    let responses = futures_util::future::join_all(claims).await;
    let winners = responses
        .iter()
        .filter(|response| response.status == 200)
        .count();
    assert_eq!(winners, 1, "{responses:?}");
    assert!(
        responses
            .iter()
            .all(|response| [200, 409].contains(&response.status.as_u16()))
    );
    let named = world
        .buzz
        .gets(&format!("/v1/contacts?username={name}"))
        .await;
    assert_eq!(named.ids().len(), 1);
}
