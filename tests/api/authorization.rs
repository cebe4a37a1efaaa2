//! Which status each operation returns to which caller.

use crate::harness::{Person, Response, World};

#[derive(Clone, Copy, Debug)]
enum MessageOperation {
    ListMessages,
    ListInbox,
    CreateMessage,
    GetMessage,
    AddReaction,
    RemoveReaction,
    MarkRead,
    EditMessage,
    DeleteMessage,
    CreateAttachment,
    GetAttachment,
    DownloadAttachment,
    AddAttachment,
    DeleteAttachment,
    ListAttachments,
}

use MessageOperation::{
    AddAttachment, AddReaction, CreateAttachment, CreateMessage, DeleteAttachment, DeleteMessage,
    DownloadAttachment, EditMessage, GetAttachment, GetMessage, ListAttachments, ListInbox,
    ListMessages, MarkRead, RemoveReaction,
};

impl MessageOperation {
    /// `file` is the id of an attachment of the message.
    async fn by(self, person: &Person, world: &World, id: &str, file: &str) -> Response {
        let person = person.within(world.conversation);
        match self {
            ListMessages => person.lists_messages("").await,
            ListInbox => person.lists_inbox("").await,
            CreateMessage => person.tries_to_send("hello").await,
            GetMessage => person.gets_message(id).await,
            AddReaction => person.reacts(id, "heart").await,
            RemoveReaction => person.updates_message(id, "reactions[heart]=").await,
            MarkRead => person.updates_message(id, "read=true").await,
            EditMessage => person.updates_message(id, "message=edited").await,
            DeleteMessage => person.deletes_message(id).await,
            CreateAttachment => {
                let form = "filename=a&file_size=1";
                person.tries_to_create_attachment(form).await
            }
            GetAttachment => person.gets_attachment(file).await,
            DownloadAttachment => person.gets_file(file).await,
            // It is on the message already.
            AddAttachment => person.adds_attachments(id, &[file]).await,
            DeleteAttachment => person.deletes_attachment(file).await,
            ListAttachments => person.lists_attachments("").await,
        }
    }
}

#[tokio::test]
async fn message_operations_return_the_documented_status_for_each_role() {
    const TABLE: [(MessageOperation, u16, u16, u16, u16); 15] = [
        // operation, author, participant, outsider, anonymous
        (ListMessages, 200, 200, 404, 401),
        (ListInbox, 200, 200, 200, 401), // their own
        (CreateMessage, 201, 201, 404, 401),
        (GetMessage, 200, 200, 404, 401),
        (AddReaction, 200, 200, 404, 401),
        (RemoveReaction, 200, 200, 404, 401),
        (MarkRead, 200, 200, 404, 401),
        (EditMessage, 200, 403, 404, 401),
        (DeleteMessage, 204, 403, 404, 401),
        (CreateAttachment, 201, 201, 404, 401),
        (GetAttachment, 200, 200, 404, 401),
        (DownloadAttachment, 302, 302, 404, 401),
        (AddAttachment, 200, 403, 404, 401),
        (DeleteAttachment, 204, 403, 404, 401),
        (ListAttachments, 200, 200, 404, 401),
    ];
    let world = World::new().await;
    for (operation, author, participant, outsider, anonymous) in TABLE {
        for (person, status) in [
            (&world.anonymous, anonymous),
            (&world.buzz, outsider),
            (&world.kate, participant),
            (&world.kevin, author),
        ] {
            let file = world.kevin.uploads("a", b"x").await;
            let sent = world.kevin.tries_to_send_files("It’s mine", &[&file]).await;
            let id = sent.is(201).json()["id"].as_str().unwrap().to_owned();
            let response = operation.by(person, &world, &id, &file).await;
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
                    "no message was created"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_non_participant_gets_the_same_404_for_existing_and_unknown_messages() {
    let world = World::new().await;
    let file = world.kevin.uploads("secret", b"x").await;
    let sent = world.kevin.tries_to_send_files("secret", &[&file]).await;
    let id = sent.is(201).json()["id"].as_str().unwrap().to_owned();
    let never = format!("000000000{}", world.conversation);
    for operation in [
        GetMessage,
        AddReaction,
        MarkRead,
        EditMessage,
        DeleteMessage,
        GetAttachment,
        DownloadAttachment,
        DeleteAttachment,
    ] {
        let mut bodies = Vec::new();
        for (id, file) in [
            (id.as_str(), file.as_str()),
            (&never, &never),
            ("0000000000000000000000000", "0000000000000000000000000"),
            ("nonsense", "nonsense"),
        ] {
            let response = operation.by(&world.buzz, &world, id, file).await;
            let mut body = response.is(404).json();
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

/// The operations on named conversations, contacts and tokens.
#[derive(Clone, Copy, Debug)]
enum OtherOperation {
    ListConversations,
    CreateConversation,
    GetConversation,
    RenameConversation,
    MuteConversation,
    ReadUpTo,
    AddParticipant,
    RemoveParticipant,
    RemoveSelf,
    LeaveConversation,
    ListContacts,
    GetContact,
    FindContact,
    GetMe,
    UpdateMe,
    ListTokens,
    CreateToken,
    RevokeToken,
    RevokeTokens,
}

use OtherOperation::{
    AddParticipant, CreateConversation, CreateToken, FindContact, GetContact, GetConversation,
    GetMe, LeaveConversation, ListContacts, ListConversations, ListTokens, MuteConversation,
    ReadUpTo, RemoveParticipant, RemoveSelf, RenameConversation, RevokeToken, RevokeTokens,
    UpdateMe,
};

impl OtherOperation {
    /// Calls the operation as `person`. `kevin` is the creator of the conversation, the sender of `message` and the
    /// owner of `token`.
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
            CreateConversation => {
                person
                    .tries_to_create_conversation(&[&world.kate], "name=Another")
                    .await
            }
            GetConversation => person.gets_conversation().await,
            RenameConversation => person.updates_conversation("name=Renamed").await,
            MuteConversation => person.updates_conversation("is_muted=true").await,
            ReadUpTo => {
                person
                    .updates_conversation(&format!("read_up_to={message}"))
                    .await
            }
            AddParticipant => person.adds_participant(&world.buzz).await,
            RemoveParticipant => person.removes_participant(&world.linnie).await,
            RemoveSelf => person.removes_participant(&person).await,
            LeaveConversation => person.leaves_conversation().await,
            ListContacts => person.gets("/v1/contacts").await,
            GetContact => person.gets(&format!("/v1/contacts/{}", kevin.id)).await,
            FindContact => {
                person
                    .gets(&format!("/v1/contacts?username={}", kevin.username))
                    .await
            }
            GetMe => person.gets("/v1/me").await,
            UpdateMe => person.puts("/v1/me", "phone_number=1").await,
            ListTokens => person.gets("/v1/tokens").await,
            CreateToken => person.posts("/v1/tokens", "label=a").await,
            RevokeToken => person.revokes_token(token).await,
            RevokeTokens => person.revokes_other_tokens().await,
        }
    }
}

#[tokio::test]
async fn other_operations_return_the_documented_status_for_each_role() {
    const TABLE: [(OtherOperation, u16, u16, u16, u16); 19] = [
        // operation, creator, participant, outsider, anonymous
        (ListConversations, 200, 200, 200, 401), // their own
        (CreateConversation, 201, 201, 201, 401),
        (GetConversation, 200, 200, 404, 401),
        (RenameConversation, 200, 403, 404, 401),
        (MuteConversation, 200, 200, 404, 401),
        (ReadUpTo, 200, 200, 404, 401),
        (AddParticipant, 200, 403, 404, 401),
        (RemoveParticipant, 204, 403, 404, 401),
        (RemoveSelf, 204, 204, 404, 401),
        (LeaveConversation, 204, 204, 404, 401),
        (ListContacts, 200, 200, 200, 401), // their own
        (GetContact, 200, 200, 404, 401),
        (FindContact, 200, 200, 200, 401), // without phone number for the outsider
        (GetMe, 200, 200, 200, 401),
        (UpdateMe, 200, 200, 200, 401),
        (ListTokens, 200, 200, 200, 401), // their own
        (CreateToken, 201, 201, 201, 401),
        (RevokeToken, 204, 404, 404, 401),
        (RevokeTokens, 204, 204, 204, 401), // their own
    ];
    for (operation, creator, participant, outsider, anonymous) in TABLE {
        for (role, status) in [
            ("anonymous", anonymous),
            ("outsider", outsider),
            ("participant", participant),
            ("creator", creator),
        ] {
            // Another world each time: who has left cannot be asked again.
            let world = World::new().await;
            let outsider = world.new_person("outsider").await;
            let person = match role {
                "anonymous" => &world.anonymous,
                "outsider" => &outsider,
                "participant" => &world.kate,
                _ => &world.kevin,
            };
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
            let response = operation.by(person, &world, &kevin, &message, token).await;
            assert_eq!(
                response.status.as_u16(),
                status,
                "{operation:?} by {role}: {response:?}"
            );
            if status >= 400 {
                let mut after = (
                    linnie.gets_conversation().await.json(),
                    kevin.gets("/v1/tokens").await.ids(),
                );
                // A rejected request updates `last_active_at` of the caller, too.
                after.0["contacts"] = before.0["contacts"].clone();
                after.0["last_message"]["contact"] = before.0["last_message"]["contact"].clone();
                assert_eq!(after, before, "{operation:?} by {role} changed something");
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
    for operation in [
        GetConversation,
        RenameConversation,
        MuteConversation,
        ReadUpTo,
        AddParticipant,
        RemoveParticipant,
        RemoveSelf,
        LeaveConversation,
    ] {
        let mut bodies = Vec::new();
        for conversation in [kevin.conversation, shared::id::ConversationId::random()] {
            let message = format!("{}{conversation}", &message[..9]);
            let there = kevin.within(conversation);
            let response = operation.by(&outsider, &world, &there, &message, "").await;
            let mut body = response.is(404).json();
            body["request_id"].take();
            bodies.push(body);
        }
        assert_eq!(bodies[0], bodies[1], "{operation:?}");
    }
}
