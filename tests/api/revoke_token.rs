//! `DELETE /v1/tokens/:id`

use reqwest::Method;

use crate::harness::{Person, Response, World};

async fn revokes(person: &Person, id: &str) -> Response {
    person
        .requests(Method::DELETE, &format!("/v1/tokens/{id}"), &[], ())
        .await
}

#[tokio::test]
async fn a_token_of_another_contact_returns_404() {
    let world = World::new().await;
    let id = world.kevin.gets("/v1/tokens").await.ids().remove(0);
    for id in [id.as_str(), "0000000000000000", "nonsense"] {
        revokes(&world.kate, id)
            .await
            .fails(404, "token_not_found", "id");
    }
    world.kevin.gets("/v1/me").await.is(200);
    assert!(!world.kate.gets("/v1/tokens").await.ids().contains(&id));
}
