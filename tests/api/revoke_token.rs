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

#[tokio::test]
async fn revoking_a_token_revokes_all_that_were_issued_with_it() {
    let world = World::new().await;
    let (phone, with_phone) = world.kevin.creates_token("label=phone").await;
    let mut below = vec![with_phone.clone()];
    for _ in 0..3 {
        let (_, child) = below[below.len() - 1].creates_token("").await;
        let (_, sibling) = with_phone.creates_token("").await;
        below.extend([sibling, child]);
    }
    let (_, other) = world.kevin.creates_token("label=other").await;
    world.kevin.revokes_token(&phone).await.is(204);
    for token in &below {
        token.gets("/v1/me").await.fails(401, "token_invalid", ());
        let refused = token.posts("/v1/tokens", "").await;
        refused.fails(401, "token_invalid", ());
    }
    other.gets("/v1/me").await.is(200);
    let left = world.kevin.gets("/v1/tokens").await.is(200).json();
    assert_eq!(left["data"].as_array().unwrap().len(), 2, "{left}");
    let again = world.kevin.revokes_token(&phone).await;
    again.fails(404, "token_not_found", "id");
}

#[tokio::test]
async fn a_token_can_revoke_itself_and_the_one_that_issued_it() {
    let world = World::new().await;
    let (_, parent) = world.kevin.creates_token("").await;
    let (id, child) = parent.creates_token("").await;
    let (_, grandchild) = child.creates_token("").await;
    child.revokes_token(&id).await.is(204);
    for token in [&child, &grandchild] {
        token.gets("/v1/me").await.fails(401, "token_invalid", ());
    }
    let (_, child) = parent.creates_token("").await;
    let root = world.kevin.gets("/v1/tokens").await.ids().pop().unwrap();
    child.revokes_token(&root).await.is(204);
    for token in [&child, &parent, &world.kevin] {
        token.gets("/v1/me").await.fails(401, "token_invalid", ());
    }
}
