//! Every operation, by everybody.

use crate::harness::{Answer, Person, World};

#[derive(Clone, Copy, Debug)]
enum Operation {
    ListConversation,
    ListEverything,
    Send,
    Get,
    React,
    TakeReactionAway,
    MarkRead,
    Edit,
    Delete,
}

use Operation::{
    Delete, Edit, Get, ListConversation, ListEverything, MarkRead, React, Send, TakeReactionAway,
};

impl Operation {
    async fn by(self, person: &Person, world: &World, id: &str) -> Answer {
        let person = person.within(world.conversation);
        match self {
            ListConversation => person.lists("").await,
            ListEverything => person.lists_all("").await,
            Send => person.tries_to_send("hello").await,
            Get => person.reads(id).await,
            React => person.reacts(id, "heart").await,
            TakeReactionAway => person.changes(id, "reactions[heart]=").await,
            MarkRead => person.changes(id, "read=true").await,
            Edit => person.changes(id, "message=edited").await,
            Delete => person.deletes(id).await,
        }
    }
}

#[tokio::test]
async fn each_may_do_what_the_contract_says_and_nothing_else() {
    const TABLE: [(Operation, u16, u16, u16, u16); 9] = [
        // operation, author, participant, outsider, nobody
        (ListConversation, 200, 200, 404, 401),
        (ListEverything, 200, 200, 200, 401), // of their own
        (Send, 201, 201, 404, 401),
        (Get, 200, 200, 404, 401),
        (React, 200, 200, 404, 401),
        (TakeReactionAway, 200, 200, 404, 401),
        (MarkRead, 200, 200, 404, 401),
        (Edit, 200, 403, 404, 401),
        (Delete, 204, 403, 404, 401),
    ];
    let world = World::new().await;
    for (operation, author, participant, outsider, nobody) in TABLE {
        for (person, status) in [
            (&world.nobody, nobody),
            (&world.buzz, outsider),
            (&world.kate, participant),
            (&world.kevin, author),
        ] {
            let id = world.kevin.sends("It’s mine").await;
            let answer = operation.by(person, &world, &id).await;
            assert_eq!(
                answer.status.as_u16(),
                status,
                "{operation:?} by {}: {answer:?}",
                person.username
            );
            let message = world.kevin.reads(&id).await;
            if status >= 400 {
                let message = message.is(200).json();
                assert_eq!(
                    message["updated_at"],
                    serde_json::Value::Null,
                    "{operation:?}: {message}"
                );
                assert_eq!(message["message"], "It’s mine");
                assert_eq!(
                    world.kevin.lists("limit=1").await.ids(),
                    [id],
                    "nothing was sent"
                );
            }
        }
    }
}

#[tokio::test]
async fn to_an_outsider_a_message_looks_like_one_that_never_was() {
    let world = World::new().await;
    let id = world.kevin.sends("secret").await;
    let never = format!("000000000{}", world.conversation);
    for operation in [Get, React, MarkRead, Edit, Delete] {
        let mut bodies = Vec::new();
        for id in [&id, &never, "0000000000000000000000000", "nonsense"] {
            let mut body = operation.by(&world.buzz, &world, id).await.is(404).json();
            body["request_id"].take();
            bodies.push(body);
        }
        assert!(
            bodies.iter().all(|body| *body == bodies[0]),
            "{operation:?}: {bodies:?}"
        );
    }
}

#[tokio::test]
async fn to_an_outsider_a_conversation_looks_like_one_that_never_was() {
    let world = World::new().await;
    let never = shared::id::ConversationId::random();
    for operation in ["list", "send"] {
        let mut bodies = Vec::new();
        for conversation in [world.conversation, never] {
            let buzz = world.buzz.within(conversation);
            let answer = if operation == "list" {
                buzz.lists("").await
            } else {
                buzz.tries_to_send("hi").await
            };
            let mut body = answer.is(404).json();
            body["request_id"].take();
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "{operation}");
    }
}

#[tokio::test]
async fn a_list_of_everything_holds_only_ones_own_conversations() {
    let world = World::new().await;
    world.kevin.sends("among us").await;
    world.buzz.sends("to myself").await;
    assert_eq!(
        world.buzz.lists_all("").await.is(200).texts(),
        ["to myself"]
    );
    assert_eq!(world.kate.lists_all("").await.is(200).texts(), ["among us"]);
    world
        .nobody
        .lists_all("")
        .await
        .fails(401, "token_missing", ());
}
