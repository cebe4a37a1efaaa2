//! `GET /v1/conversations`

use serde_json::{Value, json};

use crate::harness::World;

#[tokio::test]
async fn conversations_are_sorted_by_latest_activity() {
    let world = World::new().await;
    let first = world
        .kevin
        .creates_conversation(&[&world.kate], "name=1")
        .await;
    let second = world
        .kevin
        .creates_conversation(&[&world.kate], "name=2")
        .await;
    let third = world
        .kevin
        .creates_conversation(&[&world.kate], "name=3")
        .await;
    let ids = |persons: &[&crate::harness::Person]| {
        persons
            .iter()
            .map(|person| person.conversation.to_string())
            .collect::<Vec<_>>()
    };
    let kate = &world.kate;
    assert_eq!(
        kate.lists_conversations("limit=3").await.is(200).ids(),
        ids(&[&third, &second, &first])
    );
    kate.within(first.conversation).sends("up").await;
    assert_eq!(
        kate.lists_conversations("limit=3").await.ids(),
        ids(&[&first, &third, &second])
    );
    assert_eq!(
        world.kevin.lists_conversations("limit=3").await.ids(),
        ids(&[&first, &third, &second])
    );
    let page = kate.lists_conversations("limit=2").await;
    assert_eq!(
        (page.ids(), &page.json()["has_more"]),
        (ids(&[&first, &third]), &json!(true))
    );
    let next = kate
        .lists_conversations(&format!("limit=2&starting_after={}", third.conversation))
        .await;
    assert_eq!(
        next.ids(),
        [ids(&[&second]), vec![world.conversation.to_string()]].concat()
    );
    assert_eq!(next.json()["has_more"], false);
    let back = kate
        .lists_conversations(&format!("limit=1&ending_before={}", second.conversation))
        .await;
    assert_eq!(
        (back.ids(), &back.json()["has_more"]),
        (ids(&[&third]), &json!(true))
    );
}

#[tokio::test]
async fn link_headers_lead_through_all_pages_and_back() {
    let world = World::new().await;
    for number in 0..6 {
        world
            .kevin
            .creates_conversation(&[&world.kate], &format!("name={number}"))
            .await;
    }
    let all = world.kate.lists_conversations("").await.ids();
    assert_eq!(all.len(), 7);
    let link = |response: &crate::harness::Response, rel: &str| {
        let links = response.header("link").split(", ").map(ToOwned::to_owned);
        let link = links
            .into_iter()
            .find(|link| link.ends_with(&format!("; rel=\"{rel}\"")))?;
        Some(link[1..link.find('>').unwrap()].to_owned())
    };
    let mut seen = Vec::new();
    let mut page = world
        .kate
        .lists_conversations("limit=3&archived=false")
        .await;
    assert_eq!(link(&page, "prev"), None);
    loop {
        seen.extend(page.ids());
        let Some(next) = link(&page, "next") else {
            break;
        };
        page = world.kate.gets(&next).await.is(200);
    }
    assert_eq!(seen, all);
    let back = world.kate.gets(&link(&page, "prev").unwrap()).await.is(200);
    assert_eq!(back.ids(), all[3..6]);
}

#[tokio::test]
async fn a_cursor_that_is_no_conversation_of_the_caller_returns_400() {
    let world = World::new().await;
    for id in [
        world.buzz.conversation,
        shared::id::ConversationId::random(),
    ] {
        let response = world
            .kevin
            .lists_conversations(&format!("starting_after={id}"))
            .await;
        response.fails(400, "parameter_invalid", "starting_after");
    }
    world
        .kevin
        .lists_conversations("starting_after=x")
        .await
        .fails(400, "parameter_invalid", "starting_after");
    let both = format!("starting_after={0}&ending_before={0}", world.conversation);
    world
        .kevin
        .lists_conversations(&both)
        .await
        .fails(400, "parameter_invalid", "ending_before");
}

#[tokio::test]
async fn an_archived_conversation_is_listed_separately_until_the_next_message() {
    let world = World::new().await;
    let other = world
        .kate
        .creates_conversation(&[&world.buzz], "name=Other")
        .await;
    let archived = world
        .kate
        .updates_conversation("archived=true")
        .await
        .is(200)
        .json();
    assert!(archived["archived_at"].is_u64());
    let id = world.conversation.to_string();
    assert_eq!(
        world.kate.lists_conversations("").await.ids(),
        [other.conversation.to_string()]
    );
    assert_eq!(
        world.kate.lists_conversations("archived=true").await.ids(),
        [id.as_str()]
    );
    assert_eq!(
        world.kevin.lists_conversations("").await.ids(),
        [id.as_str()],
        "archiving affects only the caller"
    );
    assert_eq!(
        world
            .kate
            .updates_conversation("archived=true")
            .await
            .json()["archived_at"],
        archived["archived_at"]
    );
    world.kevin.sends("news").await;
    assert_eq!(
        world.kate.lists_conversations("").await.ids(),
        [id.clone(), other.conversation.to_string()]
    );
    assert!(
        world
            .kate
            .lists_conversations("archived=true")
            .await
            .ids()
            .is_empty()
    );
    assert_eq!(
        world.kate.gets_conversation().await.json()["archived_at"],
        Value::Null
    );
    world
        .kate
        .updates_conversation("archived=true")
        .await
        .is(200);
    let open = world
        .kate
        .updates_conversation("archived=false")
        .await
        .is(200)
        .json();
    assert_eq!(open["archived_at"], Value::Null);
    assert_eq!(world.kate.lists_conversations("").await.ids().len(), 2);
}
