//! `GET /v1/tokens`

use serde_json::json;

use crate::harness::World;

#[tokio::test]
async fn tokens_are_listed_in_pages() {
    let world = World::new().await;
    for number in 0..4 {
        world
            .kevin
            .posts("/v1/tokens", format!("label={number}"))
            .await
            .is(201);
    }
    let all = world.kevin.gets("/v1/tokens").await.ids();
    assert_eq!(all.len(), 5);
    let page = world
        .kevin
        .gets(&format!("/v1/tokens?limit=2&starting_after={}", all[0]))
        .await;
    assert_eq!(
        (page.ids(), &page.json()["has_more"]),
        (all[1..3].to_vec(), &json!(true))
    );
    let back = world
        .kevin
        .gets(&format!("/v1/tokens?limit=2&ending_before={}", all[2]))
        .await;
    assert_eq!(
        (back.ids(), &back.json()["has_more"]),
        (all[0..2].to_vec(), &json!(false))
    );
}
