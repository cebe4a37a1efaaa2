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

#[tokio::test]
async fn the_list_shows_which_token_issued_another_and_whether_it_was_used() {
    let world = World::new().await;
    world.kevin.gets("/v1/me").await.is(200);
    let (phone, with_phone) = world.kevin.creates_token("label=phone").await;
    let (watch, with_watch) = with_phone.creates_token("label=watch").await;
    let list = world.kevin.gets("/v1/tokens").await.is(200).json()["data"].clone();
    let labels: Vec<_> = (0..3).map(|index| list[index]["label"].clone()).collect();
    assert_eq!(labels, ["watch", "phone", ""]);
    let issuers: Vec<_> = (0..3)
        .map(|index| list[index]["issued_with"].clone())
        .collect();
    assert_eq!(issuers, [json!(phone), list[2]["id"].clone(), json!(null)]);
    assert_eq!(list[0]["id"], watch);
    assert_eq!(list[0]["last_used_at"], json!(null), "{list}");
    assert!(list[1]["last_used_at"].is_u64(), "{list}");
    assert!(list[2]["last_used_at"].is_u64(), "{list}");
    with_watch.gets("/v1/me").await.is(200);
    let list = world.kevin.gets("/v1/tokens").await.is(200).json()["data"].clone();
    assert!(list[0]["last_used_at"].is_u64(), "{list}");
}
