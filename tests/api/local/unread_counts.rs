//! Unread counts, which an eventually consistent index counts.

use std::collections::BTreeSet;

use local_stack::engine::{Engine, config_at};
use local_stack::stack::Stack;
use local_stack::template::{self, Template};
use shared::Store;
use shared::caller::Caller;
use shared::id::{ContactId, ConversationId};
use shared::message::Text;
use shared::metadata::Metadata;
use shared::store::{Admin, ContactProfile, NewContact, Tables};
use shared::time::Clock;
use shared::token::Label;

use crate::harness::{Fault, Proxy, World};

#[tokio::test]
async fn a_new_message_is_counted_and_deleted_ones_are_not_while_the_index_lags_behind() {
    let world = World::new().await;
    let proxy = Proxy::start(world.engine()).await;
    let kate = world
        .kate
        .at(&world.host().proxy(proxy.url()).start().await);
    let counts = async |indexed| {
        proxy.inject("Query by_time", 2, Fault::Count(indexed));
        let one = kate.gets_conversation().await.is(200).json();
        let list = kate.lists_conversations("").await.is(200).json();
        proxy.clear();
        let listed = list["data"][0]["unread_count"].clone();
        assert_eq!(one["unread_count"], listed, "{indexed}");
        listed
    };
    let id = world.kevin.sends("hello").await;
    assert_eq!(counts(0).await, 1, "the index does not have it yet");
    world.kevin.deletes_message(&id).await.is(204);
    assert_eq!(counts(1).await, 0, "the index still has it");
    let id = world.kevin.sends("hello again").await;
    kate.updates_conversation(&format!("read_up_to={id}"))
        .await
        .is(200);
    assert_eq!(counts(1).await, 0, "it is read");
    kate.sends("hi").await;
    assert_eq!(counts(0).await, 0, "it is her own");
}

#[tokio::test]
async fn messages_from_before_the_index_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.db");
    let mut document = template::document(include_str!("../../../template.yaml")).unwrap();
    let table = &mut document["Resources"]["MessagesTable"]["Properties"];
    let indexes = table.as_object_mut().unwrap();
    indexes.remove("GlobalSecondaryIndexes").expect("an index");
    let old = Template::from_document(document).unwrap();
    let engine = Engine::start(&old, Some(&file)).await.unwrap();
    let tables = Tables::from_vars(|name| old.variables.get(name).cloned()).unwrap();
    let store = Store::new(&config_at(&engine.url()).unwrap(), tables);
    let conversation = ConversationId::random();
    let [kevin, kate] =
        ["kevin", "kate"].map(|name| (ContactId::random(), Caller::with_token(name)));
    let admin = Admin::new(store.clone());
    let participants = BTreeSet::from([kevin.0, kate.0]);
    admin
        .create_conversation(conversation, participants, None)
        .await
        .unwrap();
    for (id, caller) in [&kevin, &kate] {
        let contact = NewContact {
            id: *id,
            profile: ContactProfile {
                username: format!("user.{id}").try_into().unwrap(),
                phone_number: None,
                avatar_url: None,
                metadata: Metadata::default(),
                external_id: None,
            },
            last_active_at: None,
            created_at: Clock::system().now(),
        };
        admin.create_contact(contact).await.unwrap();
        let token = admin.import_token(caller, *id, Label::default(), None);
        token.await.unwrap();
    }
    for _ in 0..3 {
        let text = Text::try_from("hello".to_owned()).unwrap();
        let sent = store.create_message(&kevin.1, conversation, text.into(), None);
        sent.await.unwrap();
    }
    let upgraded = Stack::start(Some(&file)).await.unwrap().store;
    let read = upgraded.get_conversation(&kate.1, conversation).await;
    assert_eq!(read.unwrap().unread_count, 3);
}
