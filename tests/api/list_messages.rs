//! `GET /v1/messages`

use serde_json::json;
use shared::id::MessageId;
use shared::time::Micros;

use crate::harness::{Person, World};

/// Sends `count` messages. Returns their ids, newest first.
async fn sends(person: &Person, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(person.sends(&number.to_string()).await);
    }
    ids.reverse();
    ids
}

#[tokio::test]
async fn a_page_has_ten_messages_newest_first_by_default() {
    let world = World::new().await;
    let ids = sends(&world.kevin, 12).await;
    for person in [&world.kevin, &world.kate] {
        let page = person.lists_messages("").await.is(200);
        assert_eq!(page.ids(), ids[..10]);
        assert_eq!(page.json()["has_more"], true);
        let page = person.lists_inbox("limit=12").await.is(200);
        assert_eq!(page.ids(), ids);
        assert_eq!(page.json()["has_more"], false);
    }
}

#[tokio::test]
async fn an_empty_list_is_an_empty_page() {
    let world = World::new().await;
    let empty = json!({"has_more": false, "data": []});
    let page = world.kevin.lists_messages("").await.is(200);
    assert_eq!(page.json(), empty);
    assert_eq!(page.header("link"), "");
    assert_eq!(world.kevin.lists_inbox("").await.is(200).json(), empty);
}

#[tokio::test]
async fn has_more_is_exact() {
    let world = World::new().await;
    let ids = sends(&world.kevin, 5).await;
    for (query, more) in [
        ("limit=4".to_owned(), true),
        ("limit=5".to_owned(), false),
        ("limit=6".to_owned(), false),
        (format!("limit=2&starting_after={}", ids[1]), true),
        (format!("limit=3&starting_after={}", ids[1]), false),
        (format!("limit=2&ending_before={}", ids[3]), true),
        (format!("limit=3&ending_before={}", ids[3]), false),
    ] {
        assert_eq!(
            world.kevin.lists_messages(&query).await.is(200).json()["has_more"],
            more,
            "{query}"
        );
        assert_eq!(
            world.kevin.lists_inbox(&query).await.is(200).json()["has_more"],
            more,
            "inbox: {query}"
        );
    }
}

#[tokio::test]
async fn starting_after_returns_the_next_older_page_and_ending_before_the_next_newer_one() {
    let world = World::new().await;
    let ids = sends(&world.kevin, 6).await;
    let (third, fifth) = (&ids[2], &ids[4]);
    assert_eq!(
        world
            .kevin
            .lists_messages(&format!("limit=2&starting_after={third}"))
            .await
            .ids(),
        ids[3..5]
    );
    assert_eq!(
        world
            .kevin
            .lists_messages(&format!("limit=2&ending_before={fifth}"))
            .await
            .ids(),
        ids[2..4]
    );
    assert_eq!(
        world
            .kevin
            .lists_inbox(&format!("limit=2&starting_after={third}"))
            .await
            .ids(),
        ids[3..5]
    );
    assert_eq!(
        world
            .kevin
            .lists_inbox(&format!("limit=2&ending_before={fifth}"))
            .await
            .ids(),
        ids[2..4]
    );
}

#[tokio::test]
async fn a_cursor_stays_valid_after_its_message_is_deleted() {
    let world = World::new().await;
    let ids = sends(&world.kevin, 3).await;
    world.kevin.deletes_message(&ids[1]).await.is(204);
    for list in ["starting_after", "ending_before"] {
        let query = format!("{list}={}", ids[1]);
        let expected = if list == "starting_after" {
            &ids[2..]
        } else {
            &ids[..1]
        };
        assert_eq!(
            world.kevin.lists_messages(&query).await.is(200).ids(),
            expected
        );
        assert_eq!(
            world.kevin.lists_inbox(&query).await.is(200).ids(),
            expected
        );
    }
}

#[tokio::test]
async fn created_at_limits_a_list_to_a_time_range() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for second in 1..=5_u64 {
        let moment = Micros(second * 1_000_000 + 500_000);
        ids.push(world.message_sent_at(&world.kevin, moment, "tick").await);
    }
    for (query, expected) in [
        ("created_at[gte]=2&created_at[lt]=4", &ids[1..3]),
        ("created_at[gte]=2", &ids[1..]),
        ("created_at[lt]=2", &ids[..1]),
        ("created_at[gte]=6", &[]),
        ("created_at[gte]=4&created_at[lt]=2", &[]),
        ("created_at%5Bgte%5D=5", &ids[4..]),
        ("created_at%5bgte%5d=5", &ids[4..]),
        ("created_at[gte]=0&created_at[lt]=253402300799", &ids[..]),
    ] {
        let newest_first: Vec<_> = expected.iter().rev().cloned().collect();
        assert_eq!(
            world.kate.lists_messages(query).await.is(200).ids(),
            newest_first,
            "{query}"
        );
        assert_eq!(
            world.kate.lists_inbox(query).await.is(200).ids(),
            newest_first,
            "inbox: {query}"
        );
    }
}

#[tokio::test]
async fn created_at_after_the_year_9999_returns_400_with_the_limit() {
    let world = World::new().await;
    let milliseconds = 1_795_527_466_000_u64;
    for seconds in [253_402_300_800, milliseconds, u64::MAX] {
        for param in ["created_at[gte]", "created_at[lt]"] {
            let query = format!("{param}={seconds}");
            for response in [
                world.kate.lists_messages(&query).await,
                world.kate.lists_inbox(&query).await,
            ] {
                let error = response.fails(400, "parameter_invalid", param).json();
                let message = error["message"].as_str().unwrap();
                assert!(message.contains("253402300799"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_time_range_and_a_cursor_can_be_combined() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for second in 1..=4_u64 {
        let moment = Micros(second * 1_000_000);
        ids.push(world.message_sent_at(&world.kevin, moment, "tick").await);
    }
    for (query, expected) in [
        (
            format!("created_at[gte]=2&starting_after={}", ids[3]),
            vec![&ids[2], &ids[1]],
        ),
        (
            format!("created_at[lt]=4&ending_before={}", ids[0]),
            vec![&ids[2], &ids[1]],
        ),
        (
            format!("created_at[gte]=3&starting_after={}", ids[1]),
            vec![],
        ),
        (format!("created_at[lt]=2&ending_before={}", ids[2]), vec![]),
        (
            format!("created_at[lt]=3&starting_after={}", ids[3]),
            vec![&ids[1], &ids[0]],
        ),
    ] {
        assert_eq!(
            world
                .kate
                .lists_messages(&query)
                .await
                .is(200)
                .ids()
                .iter()
                .collect::<Vec<_>>(),
            expected,
            "{query}"
        );
        assert_eq!(
            world
                .kate
                .lists_inbox(&query)
                .await
                .is(200)
                .ids()
                .iter()
                .collect::<Vec<_>>(),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn without_conversation_id_messages_of_all_conversations_are_sorted_by_time() {
    let world = World::new().await;
    let other = world.new_conversation(&[&world.kevin, &world.buzz]).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let conversation = if number % 2 == 0 {
            world.conversation
        } else {
            other
        };
        ids.push(world.kevin.within(conversation).sends("x").await);
    }
    ids.reverse();
    assert_eq!(world.kevin.lists_inbox("").await.ids(), ids);
    let after = format!("limit=2&starting_after={}", ids[1]);
    assert_eq!(world.kevin.lists_inbox(&after).await.ids(), ids[2..4]);
    assert_eq!(
        world.buzz.lists_inbox("").await.ids(),
        [&ids[0], &ids[2], &ids[4]].map(Clone::clone)
    );
}

#[tokio::test]
async fn a_malformed_cursor_or_one_of_another_conversation_returns_400() {
    let world = World::new().await;
    let foreign = world.buzz.sends("elsewhere").await;
    for cursor in ["starting_after", "ending_before"] {
        world
            .kevin
            .lists_messages(&format!("{cursor}={foreign}"))
            .await
            .fails(400, "parameter_invalid", cursor);
        world
            .kevin
            .lists_messages(&format!("{cursor}=no-id"))
            .await
            .fails(400, "parameter_invalid", cursor);
        world
            .kevin
            .lists_inbox(&format!("{cursor}=no-id"))
            .await
            .fails(400, "parameter_invalid", cursor);
    }
    let own = MessageId::new(Micros(1), world.conversation);
    let both = format!("starting_after={own}&ending_before={own}");
    world
        .kevin
        .lists_messages(&both)
        .await
        .fails(400, "parameter_invalid", "ending_before");
}

#[tokio::test]
async fn link_headers_lead_through_all_pages_and_back() {
    let world = World::new().await;
    let ids = sends(&world.kevin, 5).await;
    for start in [
        format!(
            "/v1/messages?conversation_id={}&limit=2&created_at[gte]=1",
            world.conversation
        ),
        "/v1/messages?limit=2&created_at[gte]=1".to_owned(),
    ] {
        let mut page = world.kevin.gets(&start).await.is(200);
        assert_eq!(
            link(page.header("link"), "prev"),
            None,
            "the first page has no previous page"
        );
        let mut seen = page.ids();
        while let Some(next) = link(page.header("link"), "next") {
            page = world.kevin.gets(&next).await.is(200);
            seen.extend(page.ids());
        }
        assert_eq!(seen, ids);
        assert_eq!(page.json()["has_more"], false);
        let mut back = page.ids();
        while let Some(prev) = link(page.header("link"), "prev") {
            page = world.kevin.gets(&prev).await.is(200);
            back.splice(0..0, page.ids());
        }
        assert_eq!(back, ids);
    }
}

/// The target of the link with this relation (RFC 8288).
fn link(header: &str, rel: &str) -> Option<String> {
    let link = header
        .split(", ")
        .find(|link| link.ends_with(&format!("rel=\"{rel}\"")))?;
    Some(link.strip_prefix('<')?.split_once('>')?.0.to_owned())
}

#[tokio::test]
async fn a_page_of_long_messages_is_complete() {
    // 2 MB in total: DynamoDB returns at most 1 MB per query and 16 MB per batch.
    let world = World::new().await;
    let long = "x".repeat(32 * 1024);
    for _ in 0..65 {
        world.kevin.sends(&long).await;
    }
    for page in [
        world.kate.lists_messages("limit=64").await,
        world.kate.lists_inbox("limit=64").await,
    ] {
        assert_eq!(page.ids().len(), 64);
        assert_eq!(page.json()["has_more"], true);
    }
}

#[tokio::test]
async fn a_page_over_the_response_limit_of_lambda_ends_early() {
    let world = World::new().await;
    // A quotation mark takes four bytes in a Lambda response, which is JSON in JSON.
    let quotes = "\"".repeat(32 * 1024);
    for _ in 0..60 {
        world.kevin.sends(&quotes).await;
    }
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = world
            .kate
            .lists_messages(&format!("limit=100{cursor}"))
            .await
            .is(200);
        seen += page.ids().len();
        cursor = format!("&starting_after={}", page.ids().last().unwrap());
        if page.json()["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen, 60);
}
