//! Every operation, by everybody.

use crate::harness::{Person, Response, World};

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
    async fn by(self, person: &Person, world: &World, id: &str) -> Response {
        let person = person.within(world.conversation);
        match self {
            ListConversation => person.lists_messages("").await,
            ListEverything => person.lists_inbox("").await,
            Send => person.tries_to_send("hello").await,
            Get => person.gets_message(id).await,
            React => person.reacts(id, "heart").await,
            TakeReactionAway => person.updates_message(id, "reactions[heart]=").await,
            MarkRead => person.updates_message(id, "read=true").await,
            Edit => person.updates_message(id, "message=edited").await,
            Delete => person.deletes_message(id).await,
        }
    }
}

#[tokio::test]
async fn message_operations_return_the_documented_status_for_each_role() {
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
            (&world.anonymous, nobody),
            (&world.buzz, outsider),
            (&world.kate, participant),
            (&world.kevin, author),
        ] {
            let id = world.kevin.sends("It’s mine").await;
            let response = operation.by(person, &world, &id).await;
            assert_eq!(
                response.status.as_u16(),
                status,
                "{operation:?} by {}: {response:?}",
                person.username
            );
            let message = world.kevin.gets_message(&id).await;
            if status >= 400 {
                let message = message.is(200).json();
                assert_eq!(
                    message["updated_at"],
                    serde_json::Value::Null,
                    "{operation:?}: {message}"
                );
                assert_eq!(message["message"], "It’s mine");
                assert_eq!(
                    world.kevin.lists_messages("limit=1").await.ids(),
                    [id],
                    "nothing was sent"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_non_participant_gets_the_same_404_for_existing_and_unknown_messages() {
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
async fn listing_and_sending_messages_return_the_same_404_for_foreign_and_unknown_conversations() {
    let world = World::new().await;
    let never = shared::id::ConversationId::random();
    for operation in ["list", "send"] {
        let mut bodies = Vec::new();
        for conversation in [world.conversation, never] {
            let buzz = world.buzz.within(conversation);
            let response = if operation == "list" {
                buzz.lists_messages("").await
            } else {
                buzz.tries_to_send("hi").await
            };
            let mut body = response.is(404).json();
            body["request_id"].take();
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "{operation}");
    }
}

#[tokio::test]
async fn without_conversation_id_only_messages_of_the_callers_conversations_are_listed() {
    let world = World::new().await;
    world.kevin.sends("among us").await;
    world.buzz.sends("to myself").await;
    assert_eq!(
        world.buzz.lists_inbox("").await.is(200).texts(),
        ["to myself"]
    );
    assert_eq!(
        world.kate.lists_inbox("").await.is(200).texts(),
        ["among us"]
    );
    world
        .anonymous
        .lists_inbox("")
        .await
        .fails(401, "token_missing", ());
}

/// What there is to do with a conversation that has a name, and with people and tokens.
#[derive(Clone, Copy, Debug)]
enum Affair {
    ListConversations,
    Begin,
    Open,
    Name,
    Mute,
    ReadUpTo,
    AddSomebody,
    ShowSomebodyOut,
    ShowOneselfOut,
    Leave,
    ListContacts,
    GetContact,
    LookUp,
    GetMe,
    UpdateMe,
    ListTokens,
    CreateToken,
    RevokeToken,
}

use Affair::{
    AddSomebody, Begin, CreateToken, GetContact, GetMe, Leave, ListContacts, ListConversations,
    ListTokens, LookUp, Mute, Name, Open, ReadUpTo, RevokeToken, ShowOneselfOut, ShowSomebodyOut,
    UpdateMe,
};

impl Affair {
    /// `kevin` has begun the conversation, in which he has sent `message`; `token` is one of his.
    async fn by(
        self,
        person: &Person,
        world: &World,
        kevin: &Person,
        message: &str,
        token: &str,
    ) -> Response {
        let person = person.within(kevin.conversation);
        match self {
            ListConversations => person.lists_conversations("").await,
            Begin => {
                person
                    .tries_to_create_conversation(&[&world.kate], "name=Another")
                    .await
            }
            Open => person.gets_conversation().await,
            Name => person.updates_conversation("name=Renamed").await,
            Mute => person.updates_conversation("is_muted=true").await,
            ReadUpTo => {
                person
                    .updates_conversation(&format!("read_up_to={message}"))
                    .await
            }
            AddSomebody => person.adds_participant(&world.buzz).await,
            ShowSomebodyOut => person.removes_participant(&world.linnie).await,
            ShowOneselfOut => person.removes_participant(&person).await,
            Leave => person.leaves_conversation().await,
            ListContacts => person.gets("/v1/contacts").await,
            GetContact => person.gets(&format!("/v1/contacts/{}", kevin.id)).await,
            LookUp => {
                person
                    .gets(&format!("/v1/contacts?username={}", kevin.username))
                    .await
            }
            GetMe => person.gets("/v1/me").await,
            UpdateMe => person.puts("/v1/me", "phone_number=1").await,
            ListTokens => person.gets("/v1/tokens").await,
            CreateToken => person.posts("/v1/tokens", "label=a").await,
            RevokeToken => person.revokes_token(token).await,
        }
    }
}

#[tokio::test]
async fn other_operations_return_the_documented_status_for_each_role() {
    const TABLE: [(Affair, u16, u16, u16, u16); 18] = [
        // operation, creator, participant, outsider, nobody
        (ListConversations, 200, 200, 200, 401), // of their own
        (Begin, 201, 201, 201, 401),
        (Open, 200, 200, 404, 401),
        (Name, 200, 403, 404, 401),
        (Mute, 200, 200, 404, 401),
        (ReadUpTo, 200, 200, 404, 401),
        (AddSomebody, 200, 403, 404, 401),
        (ShowSomebodyOut, 204, 403, 404, 401),
        (ShowOneselfOut, 204, 204, 404, 401),
        (Leave, 204, 204, 404, 401),
        (ListContacts, 200, 200, 200, 401), // of their own
        (GetContact, 200, 200, 404, 401),
        (LookUp, 200, 200, 200, 401), // less of it, to the outsider
        (GetMe, 200, 200, 200, 401),
        (UpdateMe, 200, 200, 200, 401),
        (ListTokens, 200, 200, 200, 401), // their own
        (CreateToken, 201, 201, 201, 401),
        (RevokeToken, 204, 404, 404, 401),
    ];
    let world = World::new().await;
    let outsider = world.new_person("outsider").await;
    for (affair, creator, participant, stranger, nobody) in TABLE {
        for (person, status) in [
            (&world.anonymous, nobody),
            (&outsider, stranger),
            (&world.kate, participant),
            (&world.kevin, creator),
        ] {
            let kevin = world
                .kevin
                .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
                .await;
            let linnie = world.linnie.within(kevin.conversation);
            let message = kevin.sends("hello").await;
            let token = kevin.posts("/v1/tokens", "").await.is(201).json();
            let token = token["id"].as_str().unwrap();
            let before = (
                linnie.gets_conversation().await.json(),
                kevin.gets("/v1/tokens").await.ids(),
            );
            let response = affair.by(person, &world, &kevin, &message, token).await;
            let who = &person.username;
            assert_eq!(
                response.status.as_u16(),
                status,
                "{affair:?} by {who}: {response:?}"
            );
            if status >= 400 {
                let mut after = (
                    linnie.gets_conversation().await.json(),
                    kevin.gets("/v1/tokens").await.ids(),
                );
                // Who asks is active, whatever is answered.
                after.0["contacts"] = before.0["contacts"].clone();
                after.0["last_message"]["contact"] = before.0["last_message"]["contact"].clone();
                assert_eq!(after, before, "{affair:?} by {who} changed something");
            }
        }
    }
}

#[tokio::test]
async fn other_operations_return_the_same_404_for_foreign_and_unknown_conversations() {
    let world = World::new().await;
    let kevin = world
        .kevin
        .creates_conversation(&[&world.kate], "name=Home")
        .await;
    let message = kevin.sends("secret").await;
    let outsider = world.new_person("outsider").await;
    for affair in [
        Open,
        Name,
        Mute,
        ReadUpTo,
        AddSomebody,
        ShowSomebodyOut,
        ShowOneselfOut,
        Leave,
    ] {
        let mut bodies = Vec::new();
        for conversation in [kevin.conversation, shared::id::ConversationId::random()] {
            let message = format!("{}{conversation}", &message[..9]);
            let there = kevin.within(conversation);
            let response = affair.by(&outsider, &world, &there, &message, "").await;
            let mut body = response.is(404).json();
            body["request_id"].take();
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "{affair:?}");
    }
}
