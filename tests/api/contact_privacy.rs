//! Who sees the phone number and the last activity of a contact: those who share a conversation with it.

use serde_json::Value;
use shared::store::Admin;

use crate::harness::{Person, World};

/// How a viewer is related to Kevin, who has written a message in their conversation.
#[derive(Clone, Copy, Debug)]
enum Relation {
    Kevin,
    Participant,
    /// Kevin has left the conversation.
    KevinLeft,
    /// Kevin was removed from the conversation.
    KevinRemoved,
    /// As before, but the viewer and Kevin share another conversation, which the viewer has archived.
    ElsewhereTogether,
    /// The viewer has not accepted the conversation.
    ViewerPending,
    /// Kevin has not accepted the conversation. The message in it is the viewer's.
    KevinPending,
    ViewerBlocksKevin,
    KevinBlocksViewer,
    KevinErased,
    NeverMet,
}

use Relation::{
    ElsewhereTogether, Kevin, KevinBlocksViewer, KevinErased, KevinLeft, KevinPending,
    KevinRemoved, NeverMet, Participant, ViewerBlocksKevin, ViewerPending,
};

const PRIVATE: [&str; 2] = ["phone_number", "last_active_at"];

/// Every contact in a JSON value that is Kevin's.
fn appearances<'a>(value: &'a Value, id: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    match value {
        Value::Object(object) => {
            if object.contains_key("phone_number") && object["id"] == id {
                found.push(value);
            }
            found.extend(object.values().flat_map(|value| appearances(value, id)));
        }
        Value::Array(values) => {
            found.extend(values.iter().flat_map(|value| appearances(value, id)));
        }
        _ => {}
    }
    found
}

struct Scene {
    viewer: Person,
    kevin: Person,
    /// A message in their conversation.
    message: String,
}

async fn scene(world: &World, relation: Relation) -> Scene {
    let kate = world
        .kate
        .creates_conversation(&[&world.kevin, &world.linnie], "name=Home")
        .await;
    let kevin = world.new_person("kevin").await;
    kevin.gets("/v1/me").await.is(200);
    kate.adds_participant(&kevin).await.is(200);
    let kevin = kevin.within(kate.conversation);
    let viewer = match relation {
        Kevin => kevin.clone(),
        NeverMet | ViewerPending => world.new_person("stranger").await,
        _ => kate.clone(),
    };
    let viewer = viewer.within(kate.conversation);
    if let ViewerPending = relation {
        kate.adds_participant(&viewer).await.is(200);
    }
    let author = match relation {
        KevinPending => &viewer,
        _ => &kevin,
    };
    let message = author.sends("hello").await;
    match relation {
        KevinLeft => drop(kevin.leaves_conversation().await.is(204)),
        KevinRemoved => drop(kate.removes_participant(&kevin).await.is(204)),
        ElsewhereTogether => {
            let elsewhere = kate.creates_conversation(&[&kevin], "").await;
            elsewhere
                .updates_conversation("archived=true")
                .await
                .is(200);
            kate.removes_participant(&kevin).await.is(204);
        }
        ViewerBlocksKevin => drop(viewer.blocks(&kevin).await.is(204)),
        KevinBlocksViewer => drop(kevin.blocks(&viewer).await.is(204)),
        KevinErased => {
            let admin = Admin::new(world.store().clone());
            admin.erase_contact(kevin.id).await.unwrap();
        }
        Kevin | Participant | ViewerPending | KevinPending | NeverMet => {}
    }
    Scene {
        viewer,
        kevin,
        message,
    }
}

impl Scene {
    /// What each endpoint that shows contacts returns to the viewer, as far as it shows Kevin.
    async fn responses(&self) -> Vec<(&'static str, Value)> {
        let (viewer, kevin, message) = (&self.viewer, &self.kevin, &self.message);
        let own = viewer.username.clone();
        let group = viewer.creates_conversation(&[viewer], "name=Group").await;
        let mut responses = vec![
            ("list messages", viewer.lists_messages("").await),
            ("list all messages", viewer.lists_inbox("").await),
            ("get a message", viewer.gets_message(message).await),
            ("list conversations", viewer.lists_conversations("").await),
            (
                "list pending conversations",
                viewer.lists_conversations("pending=true").await,
            ),
            ("get a conversation", viewer.gets_conversation().await),
            (
                "update a conversation",
                viewer.updates_conversation("is_muted=true").await,
            ),
            ("list contacts", viewer.gets("/v1/contacts?limit=100").await),
            (
                "get a contact",
                viewer.gets(&format!("/v1/contacts/{}", kevin.id)).await,
            ),
            (
                "find a contact",
                viewer
                    .gets(&format!("/v1/contacts?username={}", kevin.username))
                    .await,
            ),
            ("list blocks", viewer.gets("/v1/blocks").await),
            (
                "create a conversation",
                viewer
                    .tries_to_create_conversation(&[kevin], "name=New")
                    .await,
            ),
            ("add a participant", group.adds_participant(kevin).await),
            // These accept the conversation.
            (
                "react",
                viewer
                    .updates_message(message, format!("reactions[heart][]={own}"))
                    .await,
            ),
            (
                "mark a message as read",
                viewer.updates_message(message, "read=true").await,
            ),
        ];
        if viewer.id == kevin.id {
            responses.push(("send", viewer.tries_to_send("again").await));
            responses.push(("get yourself", viewer.gets("/v1/me").await));
            responses.push((
                "update yourself",
                viewer.puts("/v1/me", "avatar_url=").await,
            ));
        }
        let responses = responses.into_iter();
        responses
            .map(|(name, response)| (name, response.json()))
            .collect()
    }
}

#[tokio::test]
async fn phone_number_and_last_activity_are_shown_to_those_who_share_the_conversation() {
    const MESSAGES: [&str; 5] = [
        "list messages",
        "list all messages",
        "get a message",
        "react",
        "mark a message as read",
    ];
    const CONVERSATION: [&str; 3] = [
        "list conversations",
        "get a conversation",
        "update a conversation",
    ];
    const OWN: [&str; 3] = ["send", "get yourself", "update yourself"];
    const CONTACTS: [&str; 3] = ["list contacts", "get a contact", "find a contact"];
    const FIND: [&str; 1] = ["find a contact"];
    const BEGIN: [&str; 2] = ["create a conversation", "add a participant"];
    const SHARED: [&[&str]; 3] = [&MESSAGES, &CONVERSATION, &CONTACTS];
    const PENDING: [&[&str]; 5] = [
        &["list messages", "get a message"],
        &["get a conversation", "update a conversation"],
        &["list pending conversations"],
        &FIND,
        &BEGIN,
    ];
    // relation; where Kevin is shown, with and without what is private
    let table: [(Relation, Vec<&str>, Vec<&str>); 11] = [
        (
            Kevin,
            [&MESSAGES[..], &CONVERSATION, &OWN, &CONTACTS[1..], &BEGIN].concat(),
            vec![],
        ),
        (Participant, [&SHARED.concat()[..], &BEGIN].concat(), vec![]),
        // Who left cannot be asked again.
        (
            KevinLeft,
            vec![],
            [&MESSAGES[..], &CONVERSATION, &FIND].concat(),
        ),
        (
            KevinRemoved,
            vec![],
            [&MESSAGES[..], &CONVERSATION, &FIND, &BEGIN].concat(),
        ),
        (
            ElsewhereTogether,
            [&CONTACTS[..], &BEGIN].concat(),
            [&MESSAGES[..], &CONVERSATION].concat(),
        ),
        // What accepts shows what is private at once.
        (
            ViewerPending,
            vec!["react", "mark a message as read"],
            PENDING.concat(),
        ),
        (
            KevinPending,
            vec![],
            [&CONVERSATION[..], &FIND, &BEGIN].concat(),
        ),
        (
            ViewerBlocksKevin,
            vec![],
            [&SHARED.concat()[..], &BEGIN, &["list blocks"]].concat(),
        ),
        (KevinBlocksViewer, vec![], SHARED.concat()),
        (KevinErased, vec![], vec![]),
        (NeverMet, vec![], [&FIND[..], &BEGIN].concat()),
    ];
    let world = World::new().await;
    for (relation, complete, reduced) in table {
        let scene = scene(&world, relation).await;
        let id = scene.kevin.id.to_string();
        for (endpoint, body) in scene.responses().await {
            for contact in appearances(&body, &id) {
                assert_eq!(contact["username"], scene.kevin.username);
                let private = PRIVATE.map(|key| !contact[key].is_null());
                let expected = complete.contains(&endpoint);
                assert_eq!(
                    private, [expected; 2],
                    "{relation:?}: {endpoint}: {contact}"
                );
            }
            let is_shown = !appearances(&body, &id).is_empty();
            let expected = complete.contains(&endpoint) || reduced.contains(&endpoint);
            assert_eq!(is_shown, expected, "{relation:?}: {endpoint}: {body}");
        }
    }
}
