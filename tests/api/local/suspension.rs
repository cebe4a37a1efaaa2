//! Suspending a contact whose external id has a missing or a foreign item, as after a restore.

use dynoxide::types::AttributeValue;
use serde_json::{Value, json};
use shared::key::Scope;

use crate::harness::{Person, World};

/// Gives Kevin an external id. Returns a server key and the id of the item.
async fn with_external_id(world: &World) -> (Person, String) {
    let server = world.new_server(&[Scope::Contacts]).await;
    let path = format!("/v1/contacts/{}", world.kevin.id);
    server.puts(&path, "external_id=kevin").await.is(200);
    (server, "external:kevin".to_owned())
}

fn item(world: &World, id: &str) -> Option<Value> {
    let items = world.items("ContactsTable");
    items.into_iter().find(|item| item["id"]["S"] == json!(id))
}

#[tokio::test]
async fn suspending_a_contact_restores_a_missing_external_id() {
    let world = World::new().await;
    let (server, external_id) = with_external_id(&world).await;
    let path = format!("/v1/contacts/{}", world.kevin.id);
    let key = [("id", AttributeValue::S(external_id.clone()))];
    world.delete_item("ContactsTable", &key);
    server.puts(&path, "suspended=true").await.is(200);
    let restored = item(&world, &external_id).unwrap();
    let contact = item(&world, &world.kevin.id.to_string()).unwrap();
    assert_eq!(restored["contact_id"]["S"], json!(world.kevin.id));
    assert_eq!(restored["suspended_at"], contact["suspended_at"]);
}

#[tokio::test]
async fn an_external_id_of_another_contact_does_not_prevent_suspending_and_stays_unchanged() {
    let world = World::new().await;
    let (server, external_id) = with_external_id(&world).await;
    let foreign = json!({"id": {"S": external_id}, "contact_id": {"S": world.kate.id}});
    world.import_items("ContactsTable", vec![foreign.clone()]);
    let path = format!("/v1/contacts/{}", world.kevin.id);
    for suspended in [true, false] {
        let update = format!("suspended={suspended}");
        let updated = server.puts(&path, update).await.is(200).json();
        assert_eq!(updated["suspended_at"].is_u64(), suspended);
        assert_eq!(item(&world, &external_id), Some(foreign.clone()));
    }
    server.deletes(&path).await.is(200);
    assert_eq!(item(&world, &external_id), Some(foreign));
}
