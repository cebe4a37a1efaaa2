//! Concurrent requests: no update is lost, and none interferes with another.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::harness::{Person, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_concurrent_reactions_are_all_stored() {
    let world = World::new().await;
    let crowd = world.crowd(50).await;
    let id = crowd[0].sends("hello").await;
    let reactions = crowd
        .iter()
        .flat_map(|person| [person.reacts(&id, "heart"), person.reacts(&id, "joy")]);
    for response in join_all(reactions).await {
        response.is(200);
    }
    let message = crowd[0].gets_message(&id).await.is(200).json();
    let mut usernames: Vec<_> = crowd.iter().map(|person| person.username.clone()).collect();
    usernames.sort();
    let expected = serde_json::json!([{ "heart": usernames }, { "joy": usernames }]);
    assert_eq!(message["reactions"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrently_added_and_removed_reactions_do_not_interfere() {
    let world = World::new().await;
    let crowd = world.crowd(40).await;
    let id = crowd[0].sends("hello").await;
    let (staying, leaving) = crowd.split_at(20);
    for response in join_all(leaving.iter().map(|person| person.reacts(&id, "heart"))).await {
        response.is(200);
    }
    let additions = staying
        .iter()
        .map(|person| async { person.reacts(&id, "heart").await.is(200) });
    let removals = leaving.iter().map(|person| async {
        person
            .updates_message(&id, "reactions[heart]=")
            .await
            .is(200)
    });
    tokio::join!(join_all(additions), join_all(removals));
    let message = crowd[0].gets_message(&id).await.is(200).json();
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
async fn a_hundred_concurrent_sends_are_all_stored_with_unique_ids() {
    let world = World::new().await;
    let texts: BTreeSet<_> = (0..100).map(|number| number.to_string()).collect();
    let ids: BTreeSet<_> = join_all(texts.iter().map(|text| world.kevin.sends(text)))
        .await
        .into_iter()
        .collect();
    assert_eq!(ids.len(), 100);
    for page in [
        world.kate.lists_messages("limit=100").await,
        world.kate.lists_inbox("limit=100").await,
    ] {
        assert_eq!(page.ids().into_iter().collect::<BTreeSet<_>>(), ids);
        assert_eq!(page.texts().into_iter().collect::<BTreeSet<_>>(), texts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_edits_reactions_and_read_marks_are_all_applied() {
    let world = World::new().await;
    let crowd = world.crowd(10).await;
    let id = crowd[0].sends("first").await;
    let texts: Vec<_> = (0..10)
        .map(|number| format!("edit {number} ").repeat(500))
        .collect();
    let edits = texts
        .iter()
        .map(|text| crowd[0].updates_message(&id, format!("message={text}")));
    let others = crowd[1..].iter().map(|person| {
        person.updates_message(
            &id,
            format!("read=true&reactions[heart][]={}", person.username),
        )
    });
    let (edits, others) = tokio::join!(join_all(edits), join_all(others));
    for response in edits.into_iter().chain(others) {
        response.is(200);
    }
    let message = crowd[0].gets_message(&id).await.is(200).json();
    assert!(texts.contains(&message["message"].as_str().unwrap().to_owned()));
    assert_eq!(
        message["reactions"][0]["heart"].as_array().unwrap().len(),
        9
    );
    assert!(message["read_at"].is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_deletes_of_one_message_all_return_204() {
    let world = World::new().await;
    let id = world.kevin.sends("oops").await;
    for response in join_all((0..20).map(|_| world.kevin.deletes_message(&id))).await {
        response.is(204);
    }
    assert!(world.kate.lists_inbox("").await.ids().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_read_marks_set_read_at_once() {
    let world = World::new().await;
    let crowd = world.crowd(20).await;
    let id = crowd[0].sends("hello").await;
    let readers = crowd[1..]
        .iter()
        .map(|person| person.updates_message(&id, "read=true"));
    let responses: BTreeSet<_> = join_all(readers)
        .await
        .into_iter()
        .map(|response| response.is(200).json().to_string())
        .collect();
    assert_eq!(
        responses.len(),
        1,
        "later requests change nothing: {responses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_message_stays_deleted_despite_concurrent_reactions() {
    let world = World::new().await;
    let crowd = world.crowd(30).await;
    for _ in 0..5 {
        let id = crowd[0].sends("soon gone").await;
        let reactions = crowd[1..].iter().map(|person| person.reacts(&id, "heart"));
        let (responses, deleted) = tokio::join!(join_all(reactions), crowd[0].deletes_message(&id));
        deleted.is(204);
        assert!(
            responses
                .iter()
                .all(|response| [200, 404].contains(&response.status.as_u16())),
            "{responses:?}"
        );
        crowd[1].gets_message(&id).await.is(404);
    }
    assert!(crowd[1].lists_messages("").await.ids().is_empty());
    assert!(crowd[1].lists_inbox("").await.ids().is_empty());
}

#[tokio::test]
async fn concurrent_updates_of_different_profile_fields_are_all_applied() {
    let world = World::new().await;
    for round in 0..20 {
        let (number, url) = (round.to_string(), format!("https://example.com/{round}"));
        let puts = ["phone_number=", "avatar_url="]
            .into_iter()
            .zip([&number, &url]);
        let puts = puts.map(|(name, value)| world.kevin.puts("/v1/me", format!("{name}{value}")));
        for response in futures_util::future::join_all(puts).await {
            response.is(200);
        }
        let me = world.kevin.gets("/v1/me").await.json();
        assert_eq!(
            (&me["phone_number"], &me["avatar_url"]),
            (&number.into(), &url.into())
        );
    }
}

#[tokio::test]
async fn concurrent_updates_of_different_conversation_settings_are_all_applied() {
    let world = World::new().await;
    for round in 0..20 {
        let to = round % 2 == 0;
        let last = world.kevin.sends("news").await;
        let forms = [
            format!("is_muted={to}"),
            format!("is_pinned={to}"),
            format!("archived={to}"),
            format!("read_up_to={last}"),
        ];
        let sets = forms
            .iter()
            .map(|form| world.kate.updates_conversation(form));
        for response in futures_util::future::join_all(sets).await {
            response.is(200);
        }
        let seen = world.kate.gets_conversation().await.json();
        let flags = [&seen["is_muted"], &seen["is_pinned"]];
        assert_eq!(flags, [to; 2], "{seen}");
        assert_eq!(
            (!seen["archived_at"].is_null(), &seen["unread_count"]),
            (to, &0.into())
        );
    }
}

#[tokio::test]
async fn a_send_marks_earlier_messages_as_read_despite_concurrent_sends() {
    let world = World::new().await;
    for _ in 0..20 {
        for _ in 0..3 {
            world.linnie.sends("above").await;
        }
        let sends = [&world.kate, &world.kevin].map(|person| person.sends("at once"));
        futures_util::future::join_all(sends).await;
        let unread = world.kate.gets_conversation().await.json()["unread_count"].clone();
        assert!(unread == 0 || unread == 1, "{unread}");
    }
}

/// Issues tokens in a chain until one is refused. Returns them.
async fn issues_a_chain(token: &Person) -> Vec<Person> {
    let mut issued = Vec::new();
    while issued.len() < 10 {
        let latest = issued.last().unwrap_or(token);
        let response = latest.posts("/v1/tokens", "").await;
        if response.status == 401 || response.status == 409 {
            break;
        }
        let secret = response.is(201).json()["token"].clone();
        issued.push(token.with_token(secret.as_str().unwrap()));
    }
    issued
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_survives_the_revocation_of_the_one_that_issued_it() {
    let world = World::new().await;
    let mut interrupted = 0;
    for round in 0..api_tests::cases(20, 100) {
        let (id, parent) = world.kevin.creates_token("").await;
        let (_, child) = parent.creates_token("").await;
        let chains = join_all([&parent, &child, &child].map(issues_a_chain));
        let revoke = async {
            // It begins at different times.
            for _ in 0..round % 20 {
                world.kevin.gets("/v1/nothing").await.is(404);
            }
            if round % 2 == 0 {
                world.kevin.revokes_token(&id).await
            } else {
                world.kevin.revokes_other_tokens().await
            }
        };
        let (chains, revoked) = tokio::join!(chains, revoke);
        revoked.is(204);
        let issued: Vec<_> = chains.into_iter().flatten().collect();
        if (1..30).contains(&issued.len()) {
            interrupted += 1;
        }
        for token in issued.iter().chain([&parent, &child]) {
            token.gets("/v1/me").await.fails(401, "token_invalid", ());
        }
        let left = world.kevin.gets("/v1/tokens?limit=100").await.ids();
        assert_eq!(left.len(), 1, "round {round}");
    }
    assert!(
        interrupted > 0,
        "the revocations come too late or too early"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_exceed_the_number_of_tokens_at_most_by_their_own_number() {
    const CONCURRENT: usize = 20;
    let world = World::new().await;
    for _ in 1..95 {
        world.kevin.creates_token("").await;
    }
    let requests = (0..CONCURRENT).map(|_| world.kevin.posts("/v1/tokens", ""));
    let responses = join_all(requests).await;
    let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    let created = statuses.iter().filter(|status| **status == 201).count();
    assert!((5..=CONCURRENT).contains(&created), "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|status| [201, 409].contains(&status.as_u16())),
        "{statuses:?}"
    );
    world
        .kevin
        .posts("/v1/tokens", "")
        .await
        .fails(409, "too_many_tokens", ());
}
