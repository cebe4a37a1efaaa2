//! `GET /v1/contacts/:id`

use crate::harness::World;

#[tokio::test]
async fn a_contact_without_a_shared_conversation_returns_404() {
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
