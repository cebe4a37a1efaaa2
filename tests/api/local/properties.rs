//! Property tests: forms and JSON have the same meaning.

use proptest::prelude::*;
use serde_json::json;

use crate::harness::{Body, Json, World};

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_the_same_in_a_form_and_in_json(texts in prop::collection::vec("\\PC{0,39}[a-z]", 16)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let world = World::new().await;
            for text in &texts {
                let by_form = world.kevin.tries_to_send(text).await.is(201).json();
                let json = Json(json!({"conversation_id": world.conversation, "message": text}));
                let by_json = world.kevin.posts("/v1/messages", json).await.is(201).json();
                assert_eq!(by_form["message"], *text);
                assert_eq!(by_form["message"], by_json["message"]);
            }
        });
    }

    #[test]
    fn any_reactions_are_the_same_in_a_form_and_in_json(emoji in prop::collection::btree_map("[a-z0-9_+-]{1,8}", any::<bool>(), 1..6)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let world = World::new().await;
            let kate = &world.kate;
            let mut form = form_urlencoded::Serializer::new(String::new());
            let mut object = serde_json::Map::new();
            for (emoji, reacts) in &emoji {
                if *reacts {
                    form.append_pair(&format!("reactions[{emoji}][]"), &kate.username);
                    object.insert(emoji.clone(), json!([kate.username]));
                } else {
                    form.append_pair(&format!("reactions[{emoji}]"), "");
                    object.insert(emoji.clone(), json!([]));
                }
            }
            let list: Vec<_> = object.iter().map(|(emoji, usernames)| json!({ emoji: usernames })).collect();
            let mut results = Vec::new();
            for body in [form.finish().into(), Json(json!({ "reactions": object })).into(), Json(json!({ "reactions": list })).into()] {
                let body: Body = body;
                let id = world.kevin.sends("hello").await;
                results.push(kate.updates_message(&id, body).await.is(200).json()["reactions"].clone());
            }
            assert_eq!(results[0], results[1]);
            assert_eq!(results[0], results[2]);
            assert_eq!(results[0].as_array().unwrap().len(), emoji.values().filter(|reacts| **reacts).count());
        });
    }
}

#[tokio::test]
async fn invalid_utf_8_returns_400() {
    let world = World::new().await;
    let form = [
        format!("conversation_id={}&message=", world.conversation).as_bytes(),
        b"\xFF",
    ]
    .concat();
    let form = ("application/x-www-form-urlencoded", &form[..]);
    world
        .kevin
        .posts("/v1/messages", form)
        .await
        .fails(400, "parameter_invalid", "message");
    let json = ("application/json", &b"{\"message\":\"\xFF\"}"[..]);
    world
        .kevin
        .posts("/v1/messages", json)
        .await
        .fails(400, "malformed_request", ());
}
