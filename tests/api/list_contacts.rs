//! `GET /v1/contacts`

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test]
async fn contacts_are_the_other_participants_of_the_callers_conversations() {
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
    let two = world.kevin.creates_conversation(&[&world.buzz], "").await;
    let three = world
        .kevin
        .creates_conversation(&[&world.kate, &world.buzz], "")
        .await;
    assert!(world.buzz.gets("/v1/contacts").await.ids().is_empty());
    for conversation in [two.conversation, three.conversation] {
        world.buzz.within(conversation).accepts().await;
    }
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
    world.kevin.leaves_conversation().await.is(204);
    assert_eq!(
        world.linnie.gets("/v1/contacts").await.ids(),
        [world.kate.id.to_string()]
    );
}

#[tokio::test]
async fn a_lookup_by_username_omits_the_phone_number_without_a_shared_conversation() {
    let world = World::new().await;
    let path = format!(
        "/v1/contacts?username={}",
        world.kevin.username.to_lowercase()
    );
    let for_contact = world.kate.gets(&path).await.is(200).json()["data"][0].clone();
    assert_eq!(for_contact["phone_number"], world.kevin.phone_number());
    let for_outsider = world.buzz.gets(&path).await.is(200).json()["data"][0].clone();
    assert_eq!(for_outsider["username"], world.kevin.username);
    assert_eq!(for_outsider["phone_number"], Value::Null);
    assert_eq!(for_outsider["last_active_at"], Value::Null);
    let unknown = world
        .buzz
        .gets("/v1/contacts?username=nobody.here")
        .await
        .is(200)
        .json();
    assert_eq!(unknown, json!({"has_more": false, "data": []}));
    let response = world.buzz.gets(&format!("{path}&limit=1")).await;
    response.fails(400, "parameter_invalid", "username");
}
