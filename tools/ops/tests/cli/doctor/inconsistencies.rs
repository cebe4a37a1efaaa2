//! Every kind of inconsistency that `cargo ops doctor` finds.

use std::fs;

use serde_json::{Value, json};
use shared::id::{AttachmentId, ConversationId, MessageId};
use shared::time::Micros;

use super::fixture::{Fixture, attachment_key, message_key};
use crate::harness::string;

/// Writes to the tables directly.
pub type Modification = fn(&Fixture);

/// The name that `doctor` prints, and a modification that causes one inconsistency of this kind.
pub const INCONSISTENCIES: [(&str, Modification); 44] = [
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
    ("attachments without message", |fixture| {
        let mut item = fixture.item("AttachmentsTable", |_| true);
        let created_at = Micros(fixture.attachment.created_at().0 - 1);
        let other = AttachmentId::new(created_at, fixture.world.house);
        item["created_at"] = attachment_key(other)["created_at"].clone();
        fixture.world.put_item("AttachmentsTable", &item);
        let bucket = &fixture.world.stack.bucket;
        bucket.put(other, "image/jpeg", b"x").unwrap();
    }),
    ("messages with missing attachments", |fixture| {
        let key = attachment_key(fixture.attachment);
        fixture.world.delete_item("AttachmentsTable", &key);
    }),
    ("messages with missing attachments", |fixture| {
        let key = attachment_key(fixture.attachment);
        fixture.world.delete_item("AttachmentsTable", &key);
        fs::remove_file(fixture.world.file(fixture.attachment)).unwrap();
    }),
    ("files without attachment", |fixture| {
        const TWO_DAYS: u64 = 2 * 24 * 3_600_000_000;
        let created_at = Micros(fixture.attachment.created_at().0 - TWO_DAYS);
        let other = AttachmentId::new(created_at, fixture.world.house);
        let bucket = &fixture.world.stack.bucket;
        bucket.put(other, "image/jpeg", b"x").unwrap();
    }),
    ("pinned messages that are not listed", |fixture| {
        let pinned = json!({ ":true": { "BOOL": true } });
        let (table, key) = ("MessagesTable", message_key(fixture.first));
        fixture
            .world
            .update_item(table, &key, "SET is_pinned = :true", &pinned);
    }),
    ("listed messages that are not pinned", |fixture| {
        let created_at = fixture.first.created_at().0.to_string();
        let listed = json!({ ":messages": { "NS": [created_at] } });
        let key = json!({ "id": string(fixture.world.house) });
        let (table, expression) = ("ConversationsTable", "ADD pinned_messages :messages");
        fixture.world.update_item(table, &key, expression, &listed);
    }),
    ("webhooks that are not listed", |fixture| {
        let item = json!({
            "contact_id": string(fixture.world.id("ann")),
            "id": string("8DrGc2mdeUUieKr6"),
        });
        fixture.world.put_item("WebhooksTable", &item);
    }),
    ("listed webhooks that do not exist", |fixture| {
        let item = json!({
            "contact_id": string(fixture.world.id("ann")),
            "segment_number": { "N": "1" },
            "read_on": { "N": "1" },
            "webhooks": { "SS": ["8DrGc2mdeUUieKr6"] },
        });
        fixture.world.put_item("ListenersTable", &item);
    }),
    ("edits without message", |fixture| {
        let item = json!({
            "conversation_id": string(fixture.world.house),
            "id": string("00000000100"),
            "contact_id": string(fixture.world.id("ann")),
            "message": string("lost"),
            "edited_at": { "N": "2" },
        });
        fixture.world.put_item("EditsTable", &item);
    }),
    ("reads without conversation", |fixture| {
        let item = json!({
            "conversation_id": string(ConversationId::random()),
            "up_to": string("1000000001"),
            "intervals": { "L": [] },
        });
        fixture.world.put_item("ReadsTable", &item);
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
        // Cat left the conversation, and the request was interrupted before the cleanup of the inbox.
        for other in ["ann", "bob"] {
            for (name, other) in [("cat", other), (other, "cat")] {
                let key = fixture.acquaintance_key(name, other);
                fixture.world.delete_item("AcquaintancesTable", &key);
            }
        }
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
    ("memberships in the wrong list", |fixture| {
        let membership = fixture.membership_key("cat", fixture.world.house);
        let place = json!({ ":place": string(format_args!("p{}", fixture.newest)) });
        let table = "MembershipsTable";
        fixture
            .world
            .update_item(table, &membership, "SET place = :place", &place);
    }),
    ("missing acquaintances", |fixture| {
        let [cat, bob] = ["cat", "bob"];
        let key = fixture.acquaintance_key(cat, bob);
        fixture.world.delete_item("AcquaintancesTable", &key);
    }),
    ("stale acquaintances", |fixture| {
        let key = fixture.acquaintance_key("cat", "bob");
        let ids = json!({ ":ids": { "SS": [fixture.pair.to_string()] } });
        let table = "AcquaintancesTable";
        fixture
            .world
            .update_item(table, &key, "ADD conversations :ids", &ids);
    }),
    ("stale acquaintances", |fixture| {
        let key = fixture.acquaintance_key("cat", "bob");
        let ids = json!({ ":ids": { "SS": ["0123456789abcdef"] } });
        let table = "AcquaintancesTable";
        fixture
            .world
            .update_item(table, &key, "ADD conversations :ids", &ids);
    }),
    ("contacts with incomplete acquaintances", |fixture| {
        let key = json!({ "contact_id": string(fixture.world.id("cat")), "other_id": string("*") });
        fixture.world.delete_item("AcquaintancesTable", &key);
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
    ("unmarked conversations of two", |fixture| {
        // Bob left it before this was stored; he has written in it.
        let conversation = ConversationId::random();
        let item = json!({
            "id": string(conversation),
            "participants": { "SS": [fixture.world.id("ann").to_string()] },
            "creator": string(fixture.world.id("ann")),
            "created_at": { "N": "1" },
        });
        fixture.world.put_item("ConversationsTable", &item);
        let message = MessageId::new(fixture.first.created_at(), conversation);
        let mut item = message_key(message);
        item["contact_id"] = string(fixture.world.id("bob"));
        item["message"] = string("between the two of us");
        item["version"] = json!({ "N": "1" });
        fixture.world.put_item("MessagesTable", &item);
        let mut item = fixture.membership_key("ann", conversation);
        item["place"] = string(format_args!("o{message}"));
        item["joined_at"] = json!({ "N": "1" });
        fixture.world.put_item("MembershipsTable", &item);
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
    ("valid server keys that are not listed", |fixture| {
        put_key(fixture, "TokensTable");
        put_key(fixture, "ContactsTable");
    }),
    ("listed server keys that are not valid", |fixture| {
        put_key(fixture, "TokenIdsTable");
        put_key(fixture, "ContactsTable");
    }),
    ("accounts without server key", |fixture| {
        put_key(fixture, "ContactsTable");
    }),
    ("external ids without contact", |fixture| {
        let item = json!({ "id": string("external:x"), "contact_id": string("0123456789abcdef") });
        fixture.world.put_item("ContactsTable", &item);
    }),
    ("external ids without contact", |fixture| {
        let item =
            json!({ "id": string("external:x"), "contact_id": string(fixture.world.id("ann")) });
        fixture.world.put_item("ContactsTable", &item);
    }),
    ("contacts without external id", |fixture| {
        let key = json!({ "id": string(fixture.world.id("ann")) });
        let values = json!({ ":id": string("x") });
        let expression = "SET external_id = :id";
        fixture
            .world
            .update_item("ContactsTable", &key, expression, &values);
    }),
    ("external ids with a wrong suspension", |fixture| {
        give_external_id(fixture, "SET external_id = :id, suspended_at = :now");
    }),
    ("external ids with a wrong suspension", |fixture| {
        give_external_id(fixture, "SET external_id = :id");
        let key = json!({ "id": string("external:x") });
        let values = json!({ ":now": {"N": "1"} });
        let expression = "SET suspended_at = :now";
        fixture
            .world
            .update_item("ContactsTable", &key, expression, &values);
    }),
    ("contacts missing in the directory", |fixture| {
        let key = directory_key(fixture.world.id("cat"));
        fixture.world.delete_item("AcquaintancesTable", &key);
    }),
    ("directory entries without contact", |fixture| {
        let entry = directory_key("0123456789abcdef");
        fixture.world.put_item("AcquaintancesTable", &entry);
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
    ("tokens without issuing token", |fixture| {
        for table in ["TokensTable", "TokenIdsTable"] {
            let mut item = fixture.item(table, fixture.is_of_ann());
            item["issued_with"] = string("0123456789abcdef");
            item["id"] = string("0000000000000000");
            item["token_hash"] = string("child");
            fixture.world.put_item(table, &item);
        }
    }),
];

/// Modifications that resolve an inconsistency, as a request between check and repair may do.
pub const RESOLUTIONS: [(&str, Modification); 13] = [
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
    ("reads without conversation", |fixture| {
        for item in fixture.world.items("ReadsTable") {
            let conversation = json!({ "id": item["conversation_id"], "created_at": { "N": "1" } });
            fixture.world.put_item("ConversationsTable", &conversation);
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
    ("unmarked conversations of two", |fixture| {
        let is_unmarked = |item: &Value| {
            let known = [fixture.pair, fixture.world.house].map(string);
            item.get("participants").is_some()
                && !known.contains(&item["id"])
                && item["participants"]["SS"].as_array().unwrap().len() == 1
        };
        let mut item = fixture.item("ConversationsTable", is_unmarked);
        item["name"] = string("Attic");
        fixture.world.put_item("ConversationsTable", &item);
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
    ("tokens without issuing token", |fixture| {
        for table in ["TokensTable", "TokenIdsTable"] {
            let mut item = fixture.item(table, fixture.is_of_ann());
            item["id"] = string("0123456789abcdef");
            item["token_hash"] = string("issuer");
            item.as_object_mut().unwrap().remove("issued_with");
            fixture.world.put_item(table, &item);
        }
    }),
];

/// Puts the item of a server key into one of the tables that it has items in.
fn put_key(fixture: &Fixture, table: &str) {
    let id = "0000000010123456";
    let mut item = json!({
        "id": string(id),
        "token_hash": string("unknown"),
        "scopes": { "L": [string("contacts")] },
    });
    match table {
        "TokenIdsTable" => {
            item["contact_id"] = string("keys");
            item["label"] = string("");
            item["created_at"] = json!({ "N": "1" });
        }
        "ContactsTable" => item = json!({ "id": string(format_args!("key:{id}")) }),
        _ => {}
    }
    fixture.world.put_item(table, &item);
}

/// Gives Ann an external id whose item does not say that she is suspended.
fn give_external_id(fixture: &Fixture, expression: &str) {
    let ann = fixture.world.id("ann");
    let item = json!({ "id": string("external:x"), "contact_id": string(ann) });
    fixture.world.put_item("ContactsTable", &item);
    let mut values = json!({ ":id": string("x") });
    if expression.contains(":now") {
        values[":now"] = json!({ "N": "1" });
    }
    let key = json!({ "id": string(ann) });
    fixture
        .world
        .update_item("ContactsTable", &key, expression, &values);
}

fn directory_key(contact: impl std::fmt::Display) -> Value {
    json!({ "contact_id": string("directory"), "other_id": string(contact) })
}
