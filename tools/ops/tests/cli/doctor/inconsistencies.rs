//! All that can be wrong.

use serde_json::{Value, json};
use shared::id::{ConversationId, MessageId};
use shared::time::Micros;

use super::fixture::{Ward, key};
use crate::harness::s;

/// What somebody does behind everybody's back.
pub type Damage = fn(&Ward);

/// What happens, and what a doctor calls it.
pub const DAMAGES: [(&str, Damage); 17] = [
    ("inbox entries without message", |ward| {
        let message = MessageId::new(ward.first.created_at(), ward.pair);
        ward.world.puts("InboxTable", &ward.entry("bob", message));
    }),
    ("inbox entries of non-participants", |ward| {
        let message = MessageId::new(ward.first.created_at(), ward.pair);
        ward.world.puts("InboxTable", &ward.entry("cat", message));
    }),
    ("memberships of non-participants", |ward| {
        let mut item = ward.item("MembershipsTable", |item| item.get("place").is_some());
        let nowhere = ConversationId::random();
        item["conversation_id"] = s(nowhere);
        ward.world.puts("MembershipsTable", &item);
    }),
    ("memberships of non-participants", |ward| {
        let is_ann = ward.part("ann", ward.pair);
        let is_ann = |item: &Value| {
            ["contact_id", "conversation_id"]
                .iter()
                .all(|name| item[name] == is_ann[name])
        };
        let mut item = ward.item("MembershipsTable", is_ann);
        item["contact_id"] = s(ward.world.id("cat"));
        ward.world.puts("MembershipsTable", &item);
    }),
    ("participants without membership", |ward| {
        let part = ward.part("cat", ward.world.house);
        ward.world.removes("MembershipsTable", &part);
    }),
    ("messages without conversation", |ward| {
        let message = MessageId::new(ward.first.created_at(), ConversationId::random());
        let mut item = key(message);
        item["contact_id"] = s(ward.world.id("ann"));
        item["message"] = s("lost");
        item["version"] = json!({ "N": "1" });
        ward.world.puts("MessagesTable", &item);
    }),
    ("conversations partly deleted", |ward| {
        let conversation = ConversationId::random();
        let mut item = key(MessageId::new(ward.first.created_at(), conversation));
        item["contact_id"] = s(ward.world.id("ann"));
        item["message"] = s("lost");
        item["version"] = json!({ "N": "1" });
        ward.world.puts("MessagesTable", &item);
        let closed = json!({
            "id": s(conversation),
            "closed_by": s(ward.world.id("ann")),
            "created_at": { "N": "1" },
        });
        ward.world.puts("ConversationsTable", &closed);
    }),
    ("former participants with inbox entries", |ward| {
        // Cat left the house, and the rest got lost.
        let house = ward.world.house;
        let cat = ward.world.id("cat").to_string();
        let key = json!({ "id": s(house) });
        let cat = json!({ ":cat": { "SS": [cat] } });
        ward.world
            .updates("ConversationsTable", &key, "DELETE participants :cat", &cat);
        let left_at = json!({ ":at": { "N": (ward.newest.created_at().0 + 1).to_string() } });
        let part = ward.part("cat", house);
        let expression = "SET left_at = :at REMOVE place, is_pinned, is_muted";
        ward.world
            .updates("MembershipsTable", &part, expression, &left_at);
    }),
    ("conversations with a stale list position", |ward| {
        let part = ward.part("cat", ward.world.house);
        let place = json!({ ":place": s(format_args!("o{}", ward.first)) });
        ward.world
            .updates("MembershipsTable", &part, "SET place = :place", &place);
    }),
    ("pairs without conversation", |ward| {
        let [ann, cat] = ["ann", "cat"].map(|name| ward.world.id(name));
        let item = json!({ "id": s(format_args!("@{ann}:{cat}")), "conversation_id": s(ward.world.house) });
        ward.world.puts("ConversationsTable", &item);
    }),
    ("conversations without pair", |ward| {
        let key = json!({ "id": ward.pair_item()["id"] });
        ward.world.removes("ConversationsTable", &key);
    }),
    ("usernames without contact", |ward| {
        let item = json!({ "id": s("@dan"), "contact_id": s(ward.world.id("ann")) });
        ward.world.puts("ContactsTable", &item);
    }),
    ("usernames without contact", |ward| {
        let item = json!({ "id": s("@dan"), "contact_id": s("0123456789abcdef") });
        ward.world.puts("ContactsTable", &item);
    }),
    ("contacts without username", |ward| {
        ward.world
            .removes("ContactsTable", &json!({ "id": s("@ann") }));
    }),
    ("valid tokens that are not listed", |ward| {
        let item = ward.item("TokenIdsTable", ward.of_ann());
        let key = json!({ "contact_id": item["contact_id"], "id": item["id"] });
        ward.world.removes("TokenIdsTable", &key);
    }),
    ("listed tokens that are not valid", |ward| {
        let item = ward.item("TokensTable", ward.of_ann());
        ward.world
            .removes("TokensTable", &json!({ "token_hash": item["token_hash"] }));
    }),
    ("tokens without contact", |ward| {
        let nobody = s("0123456789abcdef");
        for table in ["TokensTable", "TokenIdsTable"] {
            let mut item = ward.item(table, ward.of_ann());
            item["contact_id"] = nobody.clone();
            item["token_hash"] = s("of nobody");
            ward.world.puts(table, &item);
        }
    }),
];

/// How what was found comes right before it is mended.
pub const REMEDIES: [(&str, Damage); 10] = [
    ("inbox entries without message", |ward| {
        let mut item = ward.item("MessagesTable", |_| true);
        item["conversation_id"] = s(ward.pair);
        item["created_at"] = key(ward.first)["created_at"].clone();
        ward.world.puts("MessagesTable", &item);
    }),
    ("inbox entries of non-participants", |ward| {
        ward.lets_in("cat", ward.pair);
    }),
    ("memberships of non-participants", |ward| {
        ward.lets_in("cat", ward.pair);
        let is_lost = |item: &Value| {
            let known = [ward.pair, ward.world.house].map(s);
            item.get("place").is_some() && !known.contains(&item["conversation_id"])
        };
        for item in ward.world.items("MembershipsTable") {
            if is_lost(&item) {
                let row = json!({
                    "id": item["conversation_id"],
                    "participants": { "SS": [item["contact_id"]["S"]] },
                    "created_at": { "N": "1" },
                });
                ward.world.puts("ConversationsTable", &row);
            }
        }
    }),
    ("messages without conversation", |ward| {
        for item in ward.world.items("MessagesTable") {
            if item["message"] == s("lost") {
                let row = json!({ "id": item["conversation_id"], "created_at": { "N": "1" } });
                ward.world.puts("ConversationsTable", &row);
            }
        }
    }),
    ("former participants with inbox entries", |ward| {
        ward.lets_in("cat", ward.world.house);
        let expression = "SET place = :place REMOVE left_at";
        let place = json!({ ":place": s(format_args!("o{}", ward.newest)) });
        let part = ward.part("cat", ward.world.house);
        ward.world
            .updates("MembershipsTable", &part, expression, &place);
    }),
    ("conversations with a stale list position", |ward| {
        let place = json!({ ":place": s(format_args!("o{}", MessageId::new(Micros::MAX, ward.world.house))) });
        let part = ward.part("cat", ward.world.house);
        ward.world
            .updates("MembershipsTable", &part, "SET place = :place", &place);
    }),
    ("pairs without conversation", |ward| {
        let [ann, cat] = ["ann", "cat"].map(|name| ward.world.id(name));
        let pair = json!({ ":pair": s(format_args!("@{ann}:{cat}")) });
        let house = json!({ "id": s(ward.world.house) });
        ward.world
            .updates("ConversationsTable", &house, "SET pair = :pair", &pair);
    }),
    ("usernames without contact", |ward| {
        for contact in [s(ward.world.id("ann")), s("0123456789abcdef")] {
            let row = json!({ "id": contact, "username": s("Dan"), "created_at": { "N": "1" } });
            ward.world.puts("ContactsTable", &row);
        }
    }),
    ("listed tokens that are not valid", |ward| {
        for item in ward.world.items("TokenIdsTable") {
            ward.world.puts("TokensTable", &item);
        }
    }),
    ("tokens without contact", |ward| {
        let row = json!({ "id": s("0123456789abcdef"), "username": s("Dan"), "created_at": { "N": "1" } });
        ward.world.puts("ContactsTable", &row);
    }),
];
