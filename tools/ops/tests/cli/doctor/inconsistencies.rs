//! Every kind of inconsistency that `cargo ops doctor` finds.

use serde_json::{Value, json};
use shared::id::{ConversationId, MessageId};
use shared::time::Micros;

use super::fixture::{Fixture, message_key};
use crate::harness::string;

/// Writes to the tables directly.
pub type Modification = fn(&Fixture);

/// The name that `doctor` prints, and a modification that causes one inconsistency of this kind.
pub const INCONSISTENCIES: [(&str, Modification); 17] = [
    ("inbox entries without message", |fixture| {
        let message = MessageId::new(fixture.first.created_at(), fixture.pair);
        fixture
            .world
            .put_item("InboxTable", &fixture.inbox_entry("bob", message));
    }),
    ("inbox entries of non-participants", |fixture| {
        let message = MessageId::new(fixture.first.created_at(), fixture.pair);
        fixture
            .world
            .put_item("InboxTable", &fixture.inbox_entry("cat", message));
    }),
    ("memberships of non-participants", |fixture| {
        let mut item = fixture.item("MembershipsTable", |item| item.get("place").is_some());
        item["conversation_id"] = string(ConversationId::random());
        fixture.world.put_item("MembershipsTable", &item);
    }),
    ("memberships of non-participants", |fixture| {
        let key = fixture.membership_key("ann", fixture.pair);
        let has_key = |item: &Value| {
            ["contact_id", "conversation_id"]
                .iter()
                .all(|name| item[name] == key[name])
        };
        let mut item = fixture.item("MembershipsTable", has_key);
        item["contact_id"] = string(fixture.world.id("cat"));
        fixture.world.put_item("MembershipsTable", &item);
    }),
    ("participants without membership", |fixture| {
        let membership = fixture.membership_key("cat", fixture.world.house);
        fixture.world.delete_item("MembershipsTable", &membership);
    }),
    ("messages without conversation", |fixture| {
        let message = MessageId::new(fixture.first.created_at(), ConversationId::random());
        let mut item = message_key(message);
        item["contact_id"] = string(fixture.world.id("ann"));
        item["message"] = string("lost");
        item["version"] = json!({ "N": "1" });
        fixture.world.put_item("MessagesTable", &item);
    }),
    ("conversations partly deleted", |fixture| {
        let conversation = ConversationId::random();
        let mut item = message_key(MessageId::new(fixture.first.created_at(), conversation));
        item["contact_id"] = string(fixture.world.id("ann"));
        item["message"] = string("lost");
        item["version"] = json!({ "N": "1" });
        fixture.world.put_item("MessagesTable", &item);
        let closed = json!({
            "id": string(conversation),
            "closed_by": string(fixture.world.id("ann")),
            "created_at": { "N": "1" },
        });
        fixture.world.put_item("ConversationsTable", &closed);
    }),
    ("former participants with inbox entries", |fixture| {
        // Cat left the conversation, and the request was interrupted before the cleanup.
        let house = fixture.world.house;
        let cat = fixture.world.id("cat").to_string();
        let key = json!({ "id": string(house) });
        let cat = json!({ ":cat": { "SS": [cat] } });
        fixture
            .world
            .update_item("ConversationsTable", &key, "DELETE participants :cat", &cat);
        let left_at = json!({ ":at": { "N": (fixture.newest.created_at().0 + 1).to_string() } });
        let membership = fixture.membership_key("cat", house);
        let expression = "SET left_at = :at REMOVE place, is_pinned, is_muted";
        fixture
            .world
            .update_item("MembershipsTable", &membership, expression, &left_at);
    }),
    ("conversations with a stale list position", |fixture| {
        let membership = fixture.membership_key("cat", fixture.world.house);
        let place = json!({ ":place": string(format_args!("o{}", fixture.first)) });
        fixture.world.update_item(
            "MembershipsTable",
            &membership,
            "SET place = :place",
            &place,
        );
    }),
    ("pairs without conversation", |fixture| {
        let [ann, cat] = ["ann", "cat"].map(|name| fixture.world.id(name));
        let item = json!({ "id": string(format_args!("@{ann}:{cat}")), "conversation_id": string(fixture.world.house) });
        fixture.world.put_item("ConversationsTable", &item);
    }),
    ("conversations without pair", |fixture| {
        let key = json!({ "id": fixture.pair_item()["id"] });
        fixture.world.delete_item("ConversationsTable", &key);
    }),
    ("usernames without contact", |fixture| {
        let item = json!({ "id": string("@dan"), "contact_id": string(fixture.world.id("ann")) });
        fixture.world.put_item("ContactsTable", &item);
    }),
    ("usernames without contact", |fixture| {
        let item = json!({ "id": string("@dan"), "contact_id": string("0123456789abcdef") });
        fixture.world.put_item("ContactsTable", &item);
    }),
    ("contacts without username", |fixture| {
        fixture
            .world
            .delete_item("ContactsTable", &json!({ "id": string("@ann") }));
    }),
    ("valid tokens that are not listed", |fixture| {
        let item = fixture.item("TokenIdsTable", fixture.is_of_ann());
        let key = json!({ "contact_id": item["contact_id"], "id": item["id"] });
        fixture.world.delete_item("TokenIdsTable", &key);
    }),
    ("listed tokens that are not valid", |fixture| {
        let item = fixture.item("TokensTable", fixture.is_of_ann());
        fixture
            .world
            .delete_item("TokensTable", &json!({ "token_hash": item["token_hash"] }));
    }),
    ("tokens without contact", |fixture| {
        let unknown_contact = string("0123456789abcdef");
        for table in ["TokensTable", "TokenIdsTable"] {
            let mut item = fixture.item(table, fixture.is_of_ann());
            item["contact_id"] = unknown_contact.clone();
            item["token_hash"] = string("unknown");
            fixture.world.put_item(table, &item);
        }
    }),
];

/// Modifications that resolve an inconsistency, as a request between check and repair may do.
pub const RESOLUTIONS: [(&str, Modification); 10] = [
    ("inbox entries without message", |fixture| {
        let mut item = fixture.item("MessagesTable", |_| true);
        item["conversation_id"] = string(fixture.pair);
        item["created_at"] = message_key(fixture.first)["created_at"].clone();
        fixture.world.put_item("MessagesTable", &item);
    }),
    ("inbox entries of non-participants", |fixture| {
        fixture.add_participant("cat", fixture.pair);
    }),
    ("memberships of non-participants", |fixture| {
        fixture.add_participant("cat", fixture.pair);
        let is_lost = |item: &Value| {
            let known = [fixture.pair, fixture.world.house].map(string);
            item.get("place").is_some() && !known.contains(&item["conversation_id"])
        };
        for item in fixture.world.items("MembershipsTable") {
            if is_lost(&item) {
                let conversation = json!({
                    "id": item["conversation_id"],
                    "participants": { "SS": [item["contact_id"]["S"]] },
                    "created_at": { "N": "1" },
                });
                fixture.world.put_item("ConversationsTable", &conversation);
            }
        }
    }),
    ("messages without conversation", |fixture| {
        for item in fixture.world.items("MessagesTable") {
            if item["message"] == string("lost") {
                let conversation =
                    json!({ "id": item["conversation_id"], "created_at": { "N": "1" } });
                fixture.world.put_item("ConversationsTable", &conversation);
            }
        }
    }),
    ("former participants with inbox entries", |fixture| {
        fixture.add_participant("cat", fixture.world.house);
        let expression = "SET place = :place REMOVE left_at";
        let place = json!({ ":place": string(format_args!("o{}", fixture.newest)) });
        let membership = fixture.membership_key("cat", fixture.world.house);
        fixture
            .world
            .update_item("MembershipsTable", &membership, expression, &place);
    }),
    ("conversations with a stale list position", |fixture| {
        let place = json!({ ":place": string(format_args!("o{}", MessageId::new(Micros::MAX, fixture.world.house))) });
        let membership = fixture.membership_key("cat", fixture.world.house);
        fixture.world.update_item(
            "MembershipsTable",
            &membership,
            "SET place = :place",
            &place,
        );
    }),
    ("pairs without conversation", |fixture| {
        let [ann, cat] = ["ann", "cat"].map(|name| fixture.world.id(name));
        let pair = json!({ ":pair": string(format_args!("@{ann}:{cat}")) });
        let house = json!({ "id": string(fixture.world.house) });
        fixture
            .world
            .update_item("ConversationsTable", &house, "SET pair = :pair", &pair);
    }),
    ("usernames without contact", |fixture| {
        for contact in [string(fixture.world.id("ann")), string("0123456789abcdef")] {
            let contact =
                json!({ "id": contact, "username": string("Dan"), "created_at": { "N": "1" } });
            fixture.world.put_item("ContactsTable", &contact);
        }
    }),
    ("listed tokens that are not valid", |fixture| {
        for item in fixture.world.items("TokenIdsTable") {
            fixture.world.put_item("TokensTable", &item);
        }
    }),
    ("tokens without contact", |fixture| {
        let contact = json!({ "id": string("0123456789abcdef"), "username": string("Dan"), "created_at": { "N": "1" } });
        fixture.world.put_item("ContactsTable", &contact);
    }),
];
