//! Many at once: nothing is lost, nothing is mixed up, and the order is kept.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use shared::time::{Clock, Micros};

use crate::harness::World;

#[tokio::test(flavor = "multi_thread")]
async fn ninety_reactions_at_once_are_all_kept() {
    // As many as a conversation can have participants.
    let world = World::new().await;
    let crowd = world.crowd(90).await;
    let id = crowd[0].sends("hello").await;
    for answer in join_all(crowd.iter().map(|person| person.reacts(&id, "heart"))).await {
        answer.is(200);
    }
    let message = crowd[0].reads(&id).await.is(200).json();
    let mut expected: Vec<_> = crowd.iter().map(|person| person.username.clone()).collect();
    expected.sort();
    assert_eq!(
        message["reactions"][0]["heart"],
        serde_json::json!(expected)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_made_and_taken_away_at_once_do_not_disturb_each_other() {
    let world = World::new().await;
    let crowd = world.crowd(40).await;
    let id = crowd[0].sends("hello").await;
    let (staying, leaving) = crowd.split_at(20);
    for answer in join_all(leaving.iter().map(|person| person.reacts(&id, "heart"))).await {
        answer.is(200);
    }
    let come = staying
        .iter()
        .map(|person| async { person.reacts(&id, "heart").await.is(200) });
    let go = leaving
        .iter()
        .map(|person| async { person.changes(&id, "reactions[heart]=").await.is(200) });
    tokio::join!(join_all(come), join_all(go));
    let message = crowd[0].reads(&id).await.is(200).json();
    let mut expected: Vec<_> = staying
        .iter()
        .map(|person| person.username.clone())
        .collect();
    expected.sort();
    assert_eq!(
        message["reactions"][0]["heart"],
        serde_json::json!(expected)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sends_at_once_are_all_kept_with_ids_of_their_own() {
    let world = World::new().await;
    let texts: BTreeSet<_> = (0..100).map(|number| number.to_string()).collect();
    let ids: BTreeSet<_> = join_all(texts.iter().map(|text| world.kevin.sends(text)))
        .await
        .into_iter()
        .collect();
    assert_eq!(ids.len(), 100);
    for page in [
        world.kate.lists("limit=100").await,
        world.kate.lists_all("limit=100").await,
    ] {
        assert_eq!(page.ids().into_iter().collect::<BTreeSet<_>>(), ids);
        assert_eq!(page.texts().into_iter().collect::<BTreeSet<_>>(), texts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sends_in_the_same_microsecond_are_all_kept() {
    let world = World::new().await;
    let stopped = world.host_at(|| Micros(1_000_000)).await;
    let kevin = world.kevin.at(&stopped);
    let ids: BTreeSet<_> = join_all((0..100).map(|_| kevin.sends("now")))
        .await
        .into_iter()
        .collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(
        world
            .kate
            .lists("limit=100")
            .await
            .ids()
            .into_iter()
            .collect::<BTreeSet<_>>(),
        ids
    );
}

#[tokio::test]
async fn a_send_acknowledged_before_another_began_sorts_first_whatever_the_clocks_say() {
    let world = World::new().await;
    let hour = 3_600_000_000;
    let now = Clock::system().now().0;
    let behind = world.host_at(move || Micros(now - hour)).await;
    let ahead = world.host_at(move || Micros(now + hour)).await;
    let mut sent = Vec::new();
    for url in [
        &ahead,
        &behind,
        &world.kevin.url.clone(),
        &behind,
        &ahead,
        &behind,
    ] {
        sent.push(world.kevin.at(url).sends("next").await);
    }
    assert!(sent.is_sorted(), "{sent:?}");
    sent.reverse();
    assert_eq!(world.kate.lists("").await.ids(), sent);
    assert_eq!(world.kate.lists_all("").await.ids(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_at_once_never_mix() {
    let world = World::new().await;
    let id = world.kevin.sends("first").await;
    let texts: Vec<_> = (0..20)
        .map(|number| format!("edit {number} ").repeat(500))
        .collect();
    let edits = texts
        .iter()
        .map(|text| world.kevin.changes(&id, format!("message={text}")));
    for answer in join_all(edits).await {
        answer.is(200);
    }
    let message = world.kate.reads(&id).await.is(200).json();
    assert!(texts.contains(&message["message"].as_str().unwrap().to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_marked_read_by_many_at_once_was_read_once() {
    let world = World::new().await;
    let crowd = world.crowd(20).await;
    let id = crowd[0].sends("hello").await;
    let readers = crowd[1..]
        .iter()
        .map(|person| person.changes(&id, "read=true"));
    let answers: BTreeSet<_> = join_all(readers)
        .await
        .into_iter()
        .map(|answer| answer.is(200).json().to_string())
        .collect();
    assert_eq!(answers.len(), 1, "later ones change nothing: {answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_stays_deleted_while_others_react() {
    let world = World::new().await;
    let crowd = world.crowd(30).await;
    for _ in 0..5 {
        let id = crowd[0].sends("soon gone").await;
        let reactions = crowd[1..].iter().map(|person| person.reacts(&id, "heart"));
        let (answers, deleted) = tokio::join!(join_all(reactions), crowd[0].deletes(&id));
        deleted.is(204);
        assert!(
            answers
                .iter()
                .all(|answer| [200, 404].contains(&answer.status.as_u16())),
            "{answers:?}"
        );
        crowd[1].reads(&id).await.is(404);
    }
    assert!(crowd[1].lists("").await.ids().is_empty());
    assert!(crowd[1].lists_all("").await.ids().is_empty());
}
