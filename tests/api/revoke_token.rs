//! `DELETE /v1/tokens/:id`

use crate::harness::World;

#[tokio::test]
async fn a_revoked_token_returns_401() {
    let world = World::new().await;
    let token = world.kevin.posts("/v1/tokens", "").await.is(201).json();
    let laptop = world.kevin.with_token(token["token"].as_str().unwrap());
    laptop.gets("/v1/me").await.is(200);
    let id = token["id"].as_str().unwrap();
    world.kevin.revokes_token(id).await.is(204);
    laptop.gets("/v1/me").await.fails(401, "token_invalid", ());
    world
        .kevin
        .revokes_token(id)
        .await
        .fails(404, "token_not_found", "id");
    assert_eq!(world.kevin.gets("/v1/tokens").await.ids().len(), 1);
}

#[tokio::test]
async fn a_token_of_another_contact_returns_404() {
    let world = World::new().await;
    let id = world.kevin.gets("/v1/tokens").await.ids().remove(0);
    for id in [id.as_str(), "0000000000000000", "nonsense"] {
        world
            .kate
            .revokes_token(id)
            .await
            .fails(404, "token_not_found", "id");
    }
    world.kevin.gets("/v1/me").await.is(200);
    assert!(!world.kate.gets("/v1/tokens").await.ids().contains(&id));
}
