//! The DynamoDB cost of each operation: calls, sequential round trips and capacity units.
//!
//! By the documented rules, a strongly consistent read costs 1 unit per 4 KB and a write 1 per KB, twice that in a
//! transaction. Here every item is smaller than 1 KB, and the conversation has three participants.
//!
//! Comments list the items that an operation reads and writes; most separate round trips with semicolons.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dynoxide::ImportOptions;
use dynoxide::types::{AttributeValue, Item};
use lambda_http::Context;
use lambda_http::lambda_runtime::LambdaEvent;
use local_stack::functions;
use local_stack::streams::{invocation, records_after};
use serde_json::{Value, json};
use shared::Store;
use shared::id::{ContactId, ConversationId, MessageId};
use shared::key::Scope;
use shared::message::Text;
use shared::store::{Budget, Limits, Webhooks};
use shared::time::{Clock, Micros};

use crate::harness::{Cost, Json, Person, Receiver, Response, World};

#[tokio::test]
async fn each_operation_on_messages_has_the_documented_cost() {
    let world = World::active().await;
    let kevin = &world.kevin;
    kevin.sends("first").await;
    let second = kevin.tries_to_send("second").await.is(201);
    let id = second.json()["id"].as_str().unwrap().to_owned();
    // token, conversation, newest key, sender: 1 each; message and three inbox entries: 2 each, and the message in its
    // index; three updates of a list position, 3 each: the membership, and one delete and one put in its index
    let send = cost(7, 3, 4.0 + 8.0 + 1.0 + 9.0);
    assert_eq!(second.cost(), send);
    // the same, and the idempotency key: 2, as part of the transaction
    let with_key = kevin.sends_with_key("key", "third").await.is(201).cost();
    assert_eq!(with_key, cost(7, 3, send.capacity_units + 2.0));
    // token, conversation, newest key; a canceled transaction, for which DynamoDB reports no units, and the
    // sender; the idempotency key; the message; contact, and three updates of list positions that are up to date:
    // the index does not change
    let replayed = kevin.sends_with_key("key", "third").await.is(201).cost();
    assert_eq!(replayed, cost(10, 5, 3.0 + 1.0 + 1.0 + 1.0 + 1.0 + 3.0));
    // token, message, conversation, caller, who is the sender
    let get = async || kevin.gets_message(&id).await.is(200).cost();
    assert_eq!(get().await, cost(1, 1, 4.0));
    // the same, and the sender, which later requests read in the first round trip
    let get = async || world.kate.gets_message(&id).await.is(200).cost();
    assert_eq!(get().await, cost(1, 1, 5.0));
    // token, conversation, caller, who is the only sender; query
    let list = async || kevin.lists_messages("").await.is(200).cost();
    assert_eq!(list().await, cost(2, 1, 4.0));
    // token; inbox; conversation; three messages; contact
    assert_eq!(kevin.lists_inbox("").await.is(200).cost(), cost(5, 5, 7.0));
    // token, message, conversation, username, update, author and reacting contact
    let react = world.kate.reacts(&id, "heart").await.is(200).cost();
    assert_eq!(
        react,
        Cost {
            calls: 3,
            round_trips: 2,
            capacity_units: 7.0
        }
    );
    // token, message, conversation, username, both contacts: nothing to write
    let repeated = world.kate.reacts(&id, "heart").await.is(200).cost();
    assert_eq!(
        repeated,
        Cost {
            calls: 2,
            round_trips: 2,
            capacity_units: 6.0
        }
    );
    // token, message, conversation; message and three inbox entries: 2 each, and the message in its index
    assert_eq!(
        kevin.deletes_message(&id).await.is(204).cost(),
        Cost {
            calls: 2,
            round_trips: 2,
            capacity_units: 3.0 + 8.0 + 1.0
        }
    );
}

fn cost(calls: u64, round_trips: u64, capacity_units: f64) -> Cost {
    Cost {
        calls,
        round_trips,
        capacity_units,
    }
}

#[tokio::test]
async fn each_operation_on_attachments_has_the_documented_cost() {
    let world = World::active().await;
    let kevin = &world.kevin;
    kevin.sends("first").await;
    let create = async |person: &Person| {
        let form = "filename=a&file_size=1";
        person.tries_to_create_attachment(form).await.is(201)
    };
    create(kevin).await;
    // token, conversation, counters; attachment and counters: 2 each. S3 charges for the upload.
    let created = create(kevin).await;
    assert_eq!(created.cost(), cost(3, 2, 3.0 + 4.0));
    assert_eq!(file_cost(&created), (0, 8));
    let without_quotas = kevin.at(&world.host().start().await);
    create(&without_quotas).await;
    // token, conversation; the attachment
    let created = create(&without_quotas).await;
    assert_eq!(created.cost(), cost(2, 2, 2.0 + 2.0));
    let plain = kevin.tries_to_send("hello").await.is(201).cost();
    let ids = [
        kevin.uploads("a", b"x").await,
        kevin.uploads("b", b"x").await,
    ];
    let sent = kevin.tries_to_send_files("hello", &ids).await.is(201);
    // as without them; two attachments, read once and written as part of the transaction; their files
    let units = plain.capacity_units + 2.0 + 4.0;
    assert_eq!(sent.cost(), cost(plain.calls, plain.round_trips + 1, units));
    assert_eq!(file_cost(&sent), (2, 2));
    // token, conversation, attachment
    kevin.gets_attachment(&ids[0]).await.is(200);
    let shown = kevin.gets_attachment(&ids[0]).await.is(200);
    assert_eq!(shown.cost(), cost(1, 1, 3.0));
    assert_eq!(file_cost(&shown), (0, 1));
    kevin.gets_file(&ids[0]).await.is(302);
    let found = kevin.gets_file(&ids[0]).await.is(302);
    assert_eq!(found.cost(), cost(1, 1, 3.0));
    // Reading a message with attachments needs nothing else.
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    let read = kevin.gets_message(&id).await.is(200);
    assert_eq!(read.cost(), cost(1, 1, 4.0));
    // token, message, conversation, attachment; message and attachment: 2 each; the message again, contact
    let added = kevin.uploads("c", b"x").await;
    let updated = kevin.adds_attachments(&id, &[&added]).await.is(200);
    assert_eq!(updated.cost(), cost(4, 4, 4.0 + 4.0 + 2.0));
    assert_eq!(file_cost(&updated), (1, 1));
    let unknown = format!("000000000{}", world.conversation);
    // token, conversation, attachment; message; both: 2 each
    kevin.deletes_attachment(&unknown).await.is(204);
    let removed = kevin.deletes_attachment(&added).await.is(204);
    assert_eq!(removed.cost(), cost(3, 3, 4.0 + 4.0));
    assert_eq!(file_cost(&removed), (0, 0));
    // token, conversation; the attachments
    kevin.lists_attachments("").await.is(200);
    let listed = kevin.lists_attachments("").await.is(200);
    assert_eq!(listed.ids().len(), 2);
    assert_eq!(listed.cost(), cost(2, 1, 3.0));
    // token, message, conversation; message, three inbox entries and two attachments: 2 each, and the index
    let deleted = kevin.deletes_message(&id).await.is(204);
    assert_eq!(deleted.cost(), cost(2, 2, 3.0 + 12.0 + 1.0));
    assert_eq!(file_cost(&deleted), (0, 0));
}

/// The calls of S3 by a request, and what S3 charges.
fn file_cost(response: &Response) -> (u64, u64) {
    let line = response.log_line();
    let number = |key: &str| line[key].as_u64().unwrap();
    (number("file_calls"), number("file_units"))
}

#[tokio::test]
async fn the_cost_does_not_depend_on_the_number_of_attachments() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let costs = async || {
        let id = kevin.uploads("a", b"x").await;
        let sent = kevin.tries_to_send_files("", &[&id]).await;
        let found = kevin.gets_file(&id).await.is(302);
        let listed = kevin.lists_attachments("limit=1").await.is(200);
        (sent.is(201).cost(), found.cost(), listed.cost())
    };
    costs().await;
    let few = costs().await;
    let attachments = (1..=5_000_u64).map(|number| {
        serde_json::json!({
            "conversation_id": {"S": world.conversation},
            "created_at": {"N": number.to_string()},
            "contact_id": {"S": kevin.id},
            "filename": {"S": "a"},
            "file_type": {"S": "image/jpeg"},
            "file_size": {"N": "1"},
            "message_id": {"S": format!("000000000{}", world.conversation)},
        })
    });
    world.import_items("AttachmentsTable", attachments.collect());
    assert_eq!(costs().await, few);
}

#[tokio::test]
async fn the_first_request_of_a_participant_in_a_minute_reads_token_and_conversation_first() {
    let world = World::new().await;
    world.kevin.sends("hello").await;
    let kate = &world.kate;
    kate.gets("/v1/me").await.is(200);
    let list = async || kate.lists_messages("").await.is(200).cost();
    // token; conversation; query; caller and sender
    assert_eq!(list().await, cost(4, 4, 5.0));
    // token, conversation, caller, sender, query
    assert_eq!(list().await, cost(2, 1, 5.0));
    // The same token in another conversation: token, conversation; query; caller and sender
    let other = world.new_conversation(&[&world.kevin, kate]).await;
    world.kevin.within(other).sends("hello").await;
    let there = kate.within(other).lists_messages("").await;
    assert_eq!(there.is(200).cost(), cost(3, 3, 5.0));
}

#[tokio::test]
async fn the_two_senders_displayed_last_are_read_ahead_even_if_only_one_is_needed() {
    let world = World::active().await;
    let ids = [
        world.kevin.sends("1").await,
        world.kate.sends("2").await,
        world.linnie.sends("3").await,
    ];
    let get = async |index: usize| world.kevin.gets_message(&ids[index]).await.is(200).cost();
    // the caller is the sender
    assert_eq!(get(0).await, cost(1, 1, 4.0));
    // another sender
    assert_eq!(get(1).await, cost(2, 2, 5.0));
    // reads both ahead, one of whom is needed
    for index in [0, 1, 0] {
        assert_eq!(get(index).await, cost(1, 1, 5.0));
    }
    // reads both ahead, and one more sender
    assert_eq!(get(2).await, cost(2, 2, 6.0));
    // What is read ahead is not disclosed to a contact who is not a participant.
    world.buzz.gets_message(&ids[0]).await.is(404);
}

#[tokio::test]
async fn the_senders_of_a_page_are_read_ahead_if_there_are_at_most_ten() {
    let world = World::active().await;
    let crowd = world.crowd(11).await;
    for person in &crowd[..10] {
        person.sends("hello").await;
    }
    let list = async |limit: usize| {
        let page = crowd[0].lists_messages(&format!("limit={limit}")).await;
        page.is(200).cost()
    };
    list(1).await;
    let ten = list(10).await;
    assert_eq!(list(10).await, cost(2, 1, ten.capacity_units));
    crowd[10].sends("hello").await;
    let eleven = list(11).await;
    assert_eq!(eleven.round_trips, 2);
    assert_eq!(list(11).await.round_trips, 2);
    // token, conversation, caller; query; one contact, and none of the page read ahead
    assert_eq!(list(1).await, cost(3, 2, 5.0));
}

#[tokio::test]
async fn contacts_that_are_read_ahead_are_up_to_date() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    world.kate.gets_message(&id).await.is(200);
    world.kate.lists_messages("").await.is(200);
    let form = "phone_number=1-800-759-3000";
    world.kevin.puts("/v1/me", form).await.is(200);
    let read = world.kate.gets_message(&id).await.is(200);
    assert_eq!(read.cost().round_trips, 1);
    assert_eq!(read.json()["contact"]["phone_number"], "1-800-759-3000");
    let listed = world.kate.lists_messages("").await.is(200);
    assert_eq!(listed.cost().round_trips, 1);
    assert_eq!(listed.json()["data"][0], read.json());
}

#[tokio::test]
async fn each_operation_on_conversations_has_the_documented_cost() {
    let world = World::active().await;
    let others = [&world.kate, &world.linnie];
    let refused = "participants[]=nobody";
    world
        .kevin
        .posts("/v1/conversations", refused)
        .await
        .is(404);
    // token, two usernames, counters; three contacts, two acquaintances and the mark that they are complete;
    // conversation, three memberships and counters: 2 each, and the index of the memberships; six acquaintances; the
    // conversation again
    let created = world
        .kevin
        .tries_to_create_conversation(&others, "name=Home")
        .await
        .is(201);
    assert_eq!(
        created.cost(),
        cost(13, 5, 4.0 + 6.0 + 10.0 + 3.0 + 6.0 + 1.0)
    );
    let kevin = world
        .kevin
        .within(created.json()["id"].as_str().unwrap().parse().unwrap());
    let kate = world.kate.within(kevin.conversation);
    let message = kevin.sends("hello").await;
    kate.gets_conversation().await.is(200);
    kevin.gets_conversation().await.is(200);
    kevin.updates_conversation("is_muted=false").await.is(200);
    kevin.adds_participant(&world.linnie).await.is(200);
    kate.updates_conversation("is_muted=false").await.is(200);
    // token, conversation, newest; membership; three contacts, one unread in the index: half a unit
    assert_eq!(
        kate.gets_conversation().await.is(200).cost(),
        cost(5, 3, 7.5)
    );
    // token, conversation, newest; membership; three contacts
    assert_eq!(
        kevin.gets_conversation().await.is(200).cost(),
        cost(4, 3, 7.0)
    );
    // token; two memberships; two conversations, the message, a list position without a message; one unread; the
    // newest message of the other conversation; three contacts
    let listed = kate.lists_conversations("").await.is(200);
    assert_eq!(listed.cost(), cost(6, 5, 1.0 + 1.0 + 4.0 + 0.5 + 1.0 + 3.0));
    // token, conversation, newest; membership; membership and its index; three contacts, one unread
    assert_eq!(
        kate.updates_conversation("is_muted=true")
            .await
            .is(200)
            .cost(),
        cost(6, 4, 3.0 + 1.0 + 2.0 + 3.5)
    );
    // the same, and the conversation; then none is unread
    let read = kate
        .updates_conversation(&format!("read_up_to={message}"))
        .await
        .is(200);
    assert_eq!(read.cost(), cost(6, 5, 3.0 + 1.0 + 1.0 + 2.0 + 3.0));
    // token, conversation, newest; membership; conversation; three contacts
    assert_eq!(
        kevin
            .updates_conversation("name=House")
            .await
            .is(200)
            .cost(),
        cost(5, 4, 3.0 + 1.0 + 1.0 + 3.0)
    );
    // token, conversation, newest, username, counters; two contacts, no acquaintance, the mark, membership;
    // conversation, one membership and counters: 2 each, and the index of the membership; four contacts
    assert_eq!(
        kevin.adds_participant(&world.buzz).await.is(200).cost(),
        cost(9, 4, 5.0 + 5.0 + 7.0 + 4.0)
    );
    // token; conversation (the first requests of their callers at these functions); conversation and one membership:
    // 2 each, and its index; both again; six acquaintances that do not exist; no message since; the expiry of the
    // membership
    assert_eq!(
        kevin.removes_participant(&world.buzz).await.is(204).cost(),
        cost(13, 7, 2.0 + 5.0 + 2.0 + 1.0 + 1.0)
    );
    // the same, with four acquaintances that exist, and stay because of other conversations, and an inbox entry;
    // before it, the membership, and the acquaintance that says that Kevin cannot ask her again
    let left = kate.leaves_conversation().await.is(204).cost();
    let units = 2.0 + 2.0 + 5.0 + 2.0 + 4.0 + 1.0 + 1.0 + 1.0;
    assert_eq!(left, cost(18, left.round_trips, units));
    // Each of the four takes two calls, beside the others. The second call of one that is slow counts as another round
    // trip if the second call of another has ended before.
    assert!((11..=14).contains(&left.round_trips), "{left:?}");
}

#[tokio::test]
async fn each_operation_on_contacts_and_tokens_has_the_documented_cost() {
    let world = World::active().await;
    let kevin = &world.kevin;
    // token; acquaintances, and the mark that they are complete; two contacts and the caller
    assert_eq!(
        kevin.gets("/v1/contacts").await.is(200).cost(),
        cost(4, 3, 1.0 + 2.0 + 3.0)
    );
    // token; both contacts; acquaintance, and the mark
    let path = format!("/v1/contacts/{}", world.kate.id);
    kevin.gets(&path).await.is(200);
    assert_eq!(kevin.gets(&path).await.is(200).cost(), cost(3, 2, 5.0));
    // token, username; both contacts; acquaintance, and the mark
    let path = format!("/v1/contacts?username={}", world.kate.username);
    assert_eq!(kevin.gets(&path).await.is(200).cost(), cost(4, 2, 6.0));
    // token; contact
    // token; contact, conversations
    let me = kevin.gets("/v1/me").await.is(200);
    assert_eq!(me.cost(), cost(3, 2, 3.0));
    // token; contact; contact: 2
    assert_eq!(
        kevin.puts("/v1/me", "phone_number=1").await.is(200).cost(),
        cost(3, 3, 2.0 + 2.0)
    );
    // token; contact; contact, both usernames and a condition: 2 each
    let form = format!("username=new.{}", kevin.id);
    assert_eq!(
        kevin.puts("/v1/me", form).await.is(200).cost(),
        cost(3, 3, 2.0 + 8.0)
    );
    // token; list, contact; the caller's token, the contact, the new token and its item in the list: 2 each
    let created = kevin.posts("/v1/tokens", "").await.is(201);
    assert_eq!(created.cost(), cost(4, 3, 3.0 + 8.0));
    // token; list, contact
    assert_eq!(
        kevin.gets("/v1/tokens").await.is(200).cost(),
        cost(3, 2, 3.0)
    );
    // token; list; the token; list again; its item in the list, contact
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let revoked = kevin.revokes_token(&id).await.is(204);
    assert_eq!(revoked.cost(), cost(6, 5, 3.0 + 3.0));
    // token; list, twice; two tokens; list again; the child's item in the list, contact; the parent's, contact
    let (_, child) = kevin.creates_token("").await;
    child.creates_token("").await;
    let revoked = kevin.revokes_other_tokens().await.is(204);
    assert_eq!(revoked.cost(), cost(9, 7, 4.0 + 6.0));
    // token; list, twice; there is no other
    let nothing = kevin.revokes_other_tokens().await.is(204);
    assert_eq!(nothing.cost(), cost(3, 3, 3.0));
    // token; the token and its item in the list: 2 each; and the rest as above, with one other token
    let (_, child) = kevin.creates_token("").await;
    child.gets("/v1/me").await.is(200);
    let revoked = child.revokes_other_tokens().await.is(204);
    assert_eq!(revoked.cost(), cost(8, 7, 4.0 + 4.0 + 3.0));
}

#[tokio::test]
async fn each_operation_of_a_server_key_has_the_documented_cost() {
    let world = World::active().await;
    let server = world.new_server(&Scope::ALL).await;
    server.gets("/v1/contacts").await.is(200);
    // Whatever changes something is recorded in the audit trail first: 1.
    // key; external id; audit; contact, mark, directory, username, hash of the username, external id: 2 each
    let create = "username=Marv&external_id=marv";
    let created = server.posts("/v1/contacts", create).await.is(201);
    assert_eq!(created.cost(), cost(4, 4, 2.0 + 1.0 + 12.0));
    let id = created.json()["id"].as_str().unwrap().to_owned();
    // key; external id; contact
    let again = server.posts("/v1/contacts", create).await.is(200);
    assert_eq!(again.cost(), cost(3, 3, 3.0));
    // key; external id; contact; audit; contact: 2
    let path = "/v1/contacts/external:marv";
    let updated = server.puts(path, "phone_number=1").await.is(200);
    assert_eq!(updated.cost(), cost(5, 5, 3.0 + 1.0 + 2.0));
    // key; contact; audit; contact, both usernames, a condition, both external ids: 2 each
    let path = format!("/v1/contacts/{id}");
    let renamed = server.puts(&path, "username=Harry&external_id=harry").await;
    assert_eq!(renamed.is(200).cost(), cost(4, 4, 2.0 + 1.0 + 12.0));
    // key; contact
    assert_eq!(server.gets(&path).await.is(200).cost(), cost(2, 2, 2.0));
    // key; external id; contact
    let found = server.gets("/v1/contacts?external_id=harry").await;
    assert_eq!(found.is(200).cost(), cost(3, 3, 3.0));
    // key, username; contact
    server.gets("/v1/contacts?username=harry").await.is(200);
    let found = server.gets("/v1/contacts?username=harry").await;
    assert_eq!(found.is(200).cost(), cost(3, 2, 3.0));
    // key; directory; contacts
    let listed = server.gets("/v1/contacts?limit=3").await.is(200);
    assert_eq!(listed.cost(), cost(3, 3, 1.0 + 1.0 + 3.0));
    // key; contact; audit; contact, token and its item in the list: 2 each
    let tokens = format!("{path}/tokens");
    let created = server.posts(&tokens, "").await.is(201);
    assert_eq!(created.cost(), cost(4, 4, 2.0 + 1.0 + 6.0));
    // key; contact; audit; list, twice; the token; list again; its item in the list, contact
    let revoked = server.deletes(&tokens).await.is(204);
    assert_eq!(revoked.cost(), cost(9, 8, 5.0 + 1.0 + 3.0));
    // key; contact; audit; contact, external id: 2 each; list, twice
    let suspended = server.puts(&path, "suspended=true").await.is(200);
    assert_eq!(suspended.cost(), cost(6, 6, 2.0 + 1.0 + 4.0 + 2.0));
    // key; audit; erasure, twice; contact; sixteen stages, twice, all of which read one page; what they find
    let erased = server.deletes(&path).await.is(200);
    assert_eq!(erased.cost(), cost(47, 47, 66.0));
    // key; audit; erasure: 2 more to begin it and to end it; contact; sixteen stages
    let again = server.deletes(&path).await.is(200);
    assert_eq!(again.cost(), cost(23, 23, 25.0));
    // On behalf of a contact, two round trips come first: key; contact. What the contact has blocked is read last,
    // because it was not known whom the key acts for when the batch was made.
    let id = world.kevin.sends("hello").await;
    let acting = server.on_behalf_of(world.kate.id);
    acting.gets_message(&id).await.is(200);
    let acted = acting.gets_message(&id).await.is(200).cost();
    let own = world.kate.gets_message(&id).await.is(200).cost();
    assert_eq!((own.round_trips, acted.round_trips), (1, 4));
    // The contact is read once more.
    let more = acted.capacity_units - own.capacity_units;
    assert!((more - 1.0).abs() < f64::EPSILON, "{acted:?} {own:?}");
}

#[tokio::test]
async fn each_operation_of_a_moderator_has_the_documented_cost() {
    let world = World::active().await;
    let moderator = world.new_server(&[Scope::Moderate]).await;
    let moderator = moderator.within(world.conversation);
    let id = world.kevin.sends("hello").await;
    let path = format!("/v1/messages/{id}/report");
    world.kate.posts(&path, ()).await.is(201);
    world.linnie.deletes_message(&id).await.is(403);
    // token, message and conversation; that Linnie reported it, and the report: 2 each
    let report = world.linnie.posts(&path, ()).await.is(201);
    assert_eq!(report.cost(), cost(4, 4, 3.0 + 4.0));
    // the same, of which conditions fail, and are not reported; that Linnie reported it
    let again = world.linnie.posts(&path, ()).await.is(200);
    assert_eq!(again.cost(), cost(3, 3, 3.0 + 1.0));
    // key; reports
    moderator.gets("/v1/reports").await.is(200);
    let listed = moderator.gets("/v1/reports").await.is(200);
    assert_eq!(listed.cost(), cost(2, 2, 2.0));
    // key; the report; in both lists: 2 each
    let id_of_report = report.json()["id"].as_str().unwrap().to_owned();
    let resolve = format!("/v1/reports/{id_of_report}");
    moderator.puts(&resolve, "resolution=x").await.is(200);
    // What a moderator reads is in the audit trail, too.
    // key, conversation; audit; message and conversation; contact. Before it is known that the caller is a key, the
    // conversation is read as for a contact.
    moderator.gets_message(&id).await.is(200);
    let read = moderator.gets_message(&id).await.is(200);
    assert_eq!(read.cost(), cost(4, 4, 5.0 + 1.0));
    // key, conversation; audit; conversation; messages; contact
    moderator.lists_messages("").await.is(200);
    let listed = moderator.lists_messages("").await.is(200);
    assert_eq!(listed.cost(), cost(5, 5, 5.0 + 1.0));
    // key, conversation; audit; conversation; newest message; contacts
    moderator.gets_conversation().await.is(200);
    let read = moderator.gets_conversation().await.is(200);
    assert_eq!(read.cost(), cost(5, 5, 4.0 + 1.0 + 3.0));
    // key; audit; conversation; update; newest message; contacts
    moderator.updates_conversation("closed=true").await.is(200);
    let closed = moderator.updates_conversation("closed=true").await;
    assert_eq!(closed.is(200).cost(), cost(6, 6, 4.0 + 1.0 + 3.0));
}

#[tokio::test]
async fn a_hundred_used_tokens_with_the_longest_labels_cost_as_documented() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let form = format!("label={}", "%F0%9F%92%BB".repeat(100));
    let (first, mut token) = kevin.creates_token(&form).await;
    for _ in 2..100 {
        token.gets("/v1/me").await.is(200);
        (_, token) = token.creates_token(&form).await;
    }
    // token; a hundred listings of 570 bytes, and a contact of 3 KB
    let refused = kevin.posts("/v1/tokens", "").await.is(409);
    assert_eq!(refused.cost(), cost(3, 2, 1.0 + 14.0 + 1.0));
    let listed = kevin.gets("/v1/tokens?limit=100").await.is(200);
    assert_eq!(listed.cost(), cost(3, 2, 1.0 + 14.0 + 1.0));
    // The contact's item is larger, so that it costs more to write it.
    let used = token.gets("/v1/me").await.is(200);
    assert_eq!(used.log_line()["write_units"], 3.0);
    // token; list; four batches for 99 tokens; list; four for the items in the list below the first, and the
    // contact; the first's item, and the contact
    let revoked = kevin.revokes_token(&first).await.is(204);
    assert_eq!(
        revoked.cost(),
        cost(14, 6, 1.0 + 2.0 * 14.0 + 2.0 * 99.0 + 3.0 + 1.0)
    );
}

#[tokio::test]
async fn metadata_and_replies_cost_as_documented() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let send = async |more: &str| {
        let form = format!("conversation_id={}&message=hello{more}", kevin.conversation);
        kevin.posts("/v1/messages", form).await.is(201)
    };
    let first = send("").await.json();
    let plain = send("").await.cost();
    let (calls, round_trips, units) = (plain.calls, plain.round_trips, plain.capacity_units);
    assert_eq!(send("&metadata[order_id]=6735").await.cost(), plain);
    // A kilobyte more, in the transaction.
    let kilobyte = format!("&metadata[a]={0}&metadata[b]={0}", "x".repeat(500));
    let dearer = cost(calls, round_trips, units + 2.0);
    assert_eq!(send(&kilobyte).await.cost(), dearer);
    // The message that is quoted is read with the conversation.
    let reply = format!("&reply_to={}", first["id"].as_str().unwrap());
    let dearer = cost(calls, round_trips, units + 1.0);
    assert_eq!(send(&reply).await.cost(), dearer);

    // It is read for a page that it is not on, and not for one that it is on.
    kevin.lists_messages("limit=1").await.is(200);
    let page = kevin.lists_messages("limit=1").await.is(200).cost();
    let reads = cost(
        page.calls - 1,
        page.round_trips - 1,
        page.capacity_units - 1.0,
    );
    let same = kevin.lists_messages("limit=5").await.is(200).cost();
    assert_eq!(same, reads);

    let group = kevin
        .creates_conversation(&[&world.kate, &world.linnie], "name=Home")
        .await;
    group.updates_conversation("is_pinned=true").await.is(200);
    let renamed = group.updates_conversation("name=House").await.is(200);
    let updated = group.updates_conversation("metadata[a]=b").await.is(200);
    assert_eq!(updated.cost(), renamed.cost());
    // With 4 KiB, two units are read instead of one. A mark of the caller is written to its list, too.
    let rest = (0..8).map(|key| format!("&metadata[{key}]={}", "x".repeat(500)));
    let full = format!("is_muted=true{}", rest.collect::<String>());
    group.updates_conversation(&full).await.is(200);
    let muted = group.updates_conversation("is_muted=false").await.is(200);
    let renamed = renamed.cost();
    let units = renamed.capacity_units + 1.0 + 1.0;
    let dearer = cost(renamed.calls, renamed.round_trips, units);
    assert_eq!(muted.cost(), dearer);
}

#[tokio::test]
async fn pins_and_lists_with_a_filter_cost_as_documented() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let ids = [kevin.sends("one").await, kevin.sends("two").await];
    for is_pinned in [true, false, true] {
        for id in &ids {
            let form = format!("is_pinned={is_pinned}");
            let update = kevin.updates_message(id, form).await.is(200);
            // token, conversation, message twice, contact; message and conversation in a transaction
            assert_eq!(update.cost(), cost(4, 3, 5.0 + 4.0));
        }
    }
    // token, conversation; messages; contact
    let pinned = kevin.lists_messages("is_pinned=true").await.is(200);
    assert_eq!(pinned.cost(), cost(3, 3, 2.0 + 2.0 + 1.0));
    let by_contact = format!("contact_id={}", kevin.id);
    let list = kevin.lists_messages(&by_contact).await.is(200);
    assert_eq!(list.cost(), cost(4, 4, 2.0 + 0.5 + 2.0 + 1.0));
    let plain = kevin.sends("plain").await;
    let plain = kevin.deletes_message(&plain).await.is(204).cost();
    let pinned = kevin.deletes_message(&ids[0]).await.is(204).cost();
    let (calls, round_trips) = (plain.calls, plain.round_trips);
    let dearer = cost(calls, round_trips, plain.capacity_units + 2.0);
    assert_eq!(pinned, dearer);

    // If the contact sent many of the messages, 88 of 6,000 are examined, in 2 units of the index.
    let old = (1..=6_000).map(|number| MessageId::new(Micros(number), world.conversation));
    import_messages(&world, old, world.kate.id);
    let by_kate = format!("contact_id={}", world.kate.id);
    let list = kevin.lists_messages(&by_kate).await.is(200);
    assert_eq!(list.cost(), cost(4, 4, 2.0 + 1.0 + 11.0 + 2.0));
    // The most expensive one examines 5,000 messages of others.
    let list = kevin.lists_messages(&by_contact).await.is(200);
    assert_eq!(list.json()["has_more"], true);
    let units = list.cost().capacity_units;
    assert_eq!((list.cost().calls, list.cost().round_trips), (10, 10));
    assert!((45.0..=55.0).contains(&units), "{units}");
}

#[tokio::test]
async fn recording_edits_costs_as_documented() {
    let world = World::active().await;
    let url = world.host().records_edits().start().await;
    let kevin = world.kevin.at(&url);
    kevin.lists_messages("").await.is(200);
    let id = kevin.sends("one").await;
    let edit = async |person: &Person, text: &str| {
        let form = format!("message={text}");
        person.updates_message(&id, form).await.is(200).cost()
    };
    // token, message, conversation, contact
    edit(&world.kevin, "two").await;
    let plain = edit(&world.kevin, "three").await;
    assert_eq!(plain, cost(3, 2, 4.0 + 1.0));
    // the same; the message is read again; message and edit in a transaction: 2 each
    edit(&kevin, "four").await;
    let recorded = edit(&kevin, "five").await;
    assert_eq!(recorded, cost(4, 3, 5.0 + 4.0));
    // token, message, conversation; edits
    let path = format!("/v1/messages/{id}/edits");
    kevin.gets(&path).await.is(200);
    let list = kevin.gets(&path).await.is(200);
    assert_eq!(list.cost(), cost(2, 2, 3.0 + 1.0));
    // Two units for each edit.
    kevin.sends_and_deletes().await;
    let plain = kevin.sends("plain").await;
    let plain = kevin.deletes_message(&plain).await.is(204).cost();
    let deleted = kevin.deletes_message(&id).await.is(204).cost();
    let units = plain.capacity_units + 2.0 * 2.0;
    assert_eq!(deleted, cost(plain.calls, plain.round_trips, units));
}

/// What the function `publish-changes` uses for the changes of messages since the last call, in a deployment without
/// webhooks.
async fn publishing_costs(world: &World, position: &mut Option<String>) -> Cost {
    publishing_costs_of(world, "MessagesTable", position).await
}

/// The same for the changes of a table.
async fn publishing_costs_of(world: &World, table: &str, position: &mut Option<String>) -> Cost {
    let store = world.store().clone().with_webhooks(Webhooks::Disabled);
    publishing_costs_with(&store, world, table, position).await
}

/// The same for the changes of messages, in a deployment with webhooks.
async fn publishing_costs_with_webhooks(world: &World, position: &mut Option<String>) -> Cost {
    publishing_costs_with(world.store(), world, "MessagesTable", position).await
}

async fn publishing_costs_with(
    store: &Store,
    world: &World,
    table: &str,
    position: &mut Option<String>,
) -> Cost {
    let database = world.engine().database();
    let records = records_after(database, table, position.as_deref()).unwrap();
    let last = records.last().expect("something has changed");
    let number = &last["dynamodb"]["SequenceNumber"];
    *position = number.as_str().map(str::to_owned);
    let id = ContactId::random().to_string();
    let records: Vec<_> = records.iter().collect();
    let event = invocation(&records, id.clone()).unwrap();
    let publish = functions::of_streams()["publish-changes"].clone();
    let outcome = publish(store.as_new_instance(), event).await;
    assert_eq!(outcome.first_failure(), None);
    Cost::of(&id)
}

#[tokio::test]
async fn the_feed_costs_as_documented() {
    let world = World::active().await;
    let (kevin, kate, mut position) = (&world.kevin, &world.kate, None);
    kevin.sends("first").await;
    let send = kevin.tries_to_send("second").await.is(201).cost();
    // conversation; listeners among three participants: none
    let unheard = publishing_costs(&world, &mut position).await;
    assert_eq!(unheard, cost(2, 2, 1.0 + 3.0));
    assert_eq!(world.items("FeedTable"), Vec::<Value>::new());
    for person in [kevin, kate, &world.linnie] {
        // token; feed ‖ listener, which do not exist; the feed; the listener
        let begun = person.gets("/v1/events").await.is(200);
        assert_eq!(begun.cost(), cost(5, 4, 1.0 + 2.0 + 2.0));
    }
    let cursor = kate.begins_events().await;
    let begun = kate.gets("/v1/events").await.is(200).cost();
    assert_eq!(begun, cost(3, 2, 1.0 + 2.0));
    // Sending costs what it did before.
    let heard = kevin.tries_to_send("third").await.is(201).cost();
    assert_eq!(heard, send);
    // conversation; three participants; three feeds
    let published = publishing_costs(&world, &mut position).await;
    assert_eq!(published, cost(5, 3, 1.0 + 3.0 + 3.0));
    // A batch takes one write per feed, up to 16 messages; with 31 entries, the segment still has less than 1 KB.
    for batch in [14, 16] {
        for _ in 0..batch {
            kevin.sends("more").await;
        }
        let published = publishing_costs(&world, &mut position).await;
        assert_eq!(published, cost(5, 3, 1.0 + 3.0 + 3.0));
    }
    // The segment is full, which the failed write of each feed tells without reporting units; the new segment; updates
    // of the old one and of the hint.
    kevin.sends("next").await;
    let published = publishing_costs(&world, &mut position).await;
    assert_eq!(published, cost(14, 6, 1.0 + 3.0 + 3.0 * 3.0));

    // token, listener, feed: three segments at most
    let page = kate.gets_events(&cursor, 10).await.is(200);
    assert_eq!(page.json()["has_more"], true);
    kate.gets_events(&cursor, 10).await.is(200);
    let page = kate.gets_events(&cursor, 10).await.is(200);
    // token, listener ‖ feed; conversation; ten messages; two contacts
    assert_eq!(page.cost(), cost(5, 4, 3.0 + 1.0 + 10.0 + 2.0));
    let all = kate.gets_events(&cursor, 100).await.is(200).json();
    let end = all["cursor"].as_str().unwrap();
    let nothing = kate.gets_events(end, 100).await.is(200);
    assert_eq!(nothing.cost(), cost(2, 1, 3.0));
    // A caller that this instance does not know: the token comes first.
    let fresh = kate.at(&world.host().start().await);
    fresh.gets("/v1/me").await.is(200);
    let nothing = fresh.gets_events(end, 100).await.is(200);
    assert_eq!(nothing.cost().round_trips, 2);
    // A stranger learns nothing, at the price of a token.
    let refused = world.buzz.gets_events(end, 100).await.is(400);
    assert_eq!(refused.cost(), cost(1, 1, 1.0));
}

/// What an invocation of the function that delivers webhooks costs, with the deliveries that wait or are due.
async fn delivering_costs(world: &World, task: Value, now: Micros) -> Cost {
    let mut context = Context::default();
    context.request_id = ContactId::random().to_string();
    let id = context.request_id.clone();
    let event = LambdaEvent::new(serde_json::from_value(task).unwrap(), context);
    let store = world.store().as_new_instance();
    let store = store.with_clock(Clock::new(move || now));
    let deliver = functions::of_deliveries()["deliver-webhooks"].clone();
    deliver(store, event).await.unwrap();
    Cost::of(&id)
}

/// Later than a delivery was put, so that the claim always changes when it is due, and with it the index.
fn soon() -> Micros {
    Clock::system().now().after(Duration::from_secs(2))
}

/// The records of the deliveries.
fn new_deliveries(world: &World) -> Value {
    let records = records_after(world.engine().database(), "DeliveriesTable", None).unwrap();
    json!({ "Records": records })
}

#[tokio::test]
async fn webhooks_cost_as_documented() {
    let world = World::active().await;
    let (kevin, kate, mut position) = (&world.kevin, &world.kate, None);
    kevin.sends("first").await;
    publishing_costs_with_webhooks(&world, &mut position).await;
    let receiver = Receiver::start().await;
    let form = format!("url={}", receiver.url());
    // As beginning a feed, which is 5 calls; webhook and listener: 2 each
    let created = kate.posts("/v1/webhooks", &*form).await.is(201);
    assert_eq!(created.cost(), cost(6, 5, 5.0 + 4.0));
    // token; webhooks
    let listed = kate.gets("/v1/webhooks").await.is(200);
    assert_eq!(listed.cost(), cost(2, 2, 1.0 + 1.0));
    let path = format!("/v1/webhooks/{}", listed.ids()[0]);
    let got = kate.gets(&path).await.is(200);
    assert_eq!(got.cost(), cost(2, 2, 1.0 + 1.0));
    let updated = kate.puts(&path, "is_enabled=true").await.is(200);
    assert_eq!(updated.cost(), cost(2, 2, 1.0 + 1.0));

    // conversation; three participants and the operator; webhook; delivery: the item and the index; feed
    kevin.sends("hello").await;
    let published = publishing_costs_with_webhooks(&world, &mut position).await;
    assert_eq!(published, cost(5, 5, 1.0 + 4.0 + 1.0 + 1.0 + 2.0));
    // delivery; webhook, its owner; claim: the item, and twice the index; conversation; message; two contacts; settled: the
    // item and the index
    let now = soon();
    let delivered = delivering_costs(&world, new_deliveries(&world), now).await;
    assert_eq!(delivered, cost(7, 7, 1.0 + 2.0 + 3.0 + 4.0 + 2.0));
    assert_eq!(receiver.takes().len(), 1);
    // Nothing is due in four partitions.
    let nothing = delivering_costs(&world, json!({}), now).await;
    assert_eq!(nothing, cost(4, 1, 4.0 * 0.5));

    // token; webhook; secret
    let rotated = kate.posts(&format!("{path}/secret"), ()).await.is(200);
    assert_eq!(rotated.cost(), cost(3, 3, 1.0 + 1.0 + 1.0));
    // token; webhook; delivery: the item and the index
    let tested = kate.posts(&format!("{path}/test"), ()).await.is(202);
    assert_eq!(tested.cost(), cost(3, 3, 1.0 + 1.0 + 2.0));
    // token; webhook; two deliveries
    let deliveries = format!("{path}/deliveries");
    let listed = kate.gets(&deliveries).await.is(200);
    assert_eq!(listed.cost(), cost(3, 3, 1.0 + 1.0 + 1.0));
    // token; webhook and two deliveries; of each the item, and once or twice the index
    let form = format!("ids[]={}&ids[]={}", listed.ids()[0], listed.ids()[1]);
    let replayed = kate.posts(&format!("{path}/replay"), form).await.is(202);
    assert_eq!(
        replayed.cost(),
        cost(4, 3, 1.0 + 3.0 + 2.0 * 1.0 + 1.0 + 2.0)
    );

    // webhook and listener: 2 each
    let deleted = kate.deletes(&path).await.is(204);
    assert_eq!(deleted.cost(), cost(2, 2, 1.0 + 4.0));
}

#[tokio::test]
async fn webhooks_of_the_operator_cost_as_documented() {
    let world = World::active().await;
    let (kevin, mut position) = (&world.kevin, None);
    kevin.sends("first").await;
    publishing_costs_with_webhooks(&world, &mut position).await;
    let server = world.new_server(&[Scope::Webhooks]).await;
    let receiver = Receiver::start().await;
    server.gets("/v1/webhooks").await.is(200);
    let form = format!("url={}", receiver.url());
    // key; audit trail; webhook and listener: 2 each
    let created = server.posts("/v1/webhooks", form).await.is(201);
    assert_eq!(created.cost(), cost(3, 3, 1.0 + 1.0 + 4.0));

    // conversation; three participants and the operator; webhook; delivery: the item and the index
    kevin.sends("hello").await;
    let published = publishing_costs_with_webhooks(&world, &mut position).await;
    assert_eq!(published, cost(4, 4, 1.0 + 4.0 + 1.0 + 2.0));
    // delivery; webhook; claim: the item, and twice the index; conversation; message ‖ of three participants
    // membership, listener and contact; the sender; settled: the item and the index
    let now = soon();
    let delivered = delivering_costs(&world, new_deliveries(&world), now).await;
    assert_eq!(
        delivered,
        cost(8, 7, 1.0 + 1.0 + 3.0 + 1.0 + 1.0 + 9.0 + 1.0 + 2.0)
    );
    assert_eq!(receiver.takes().len(), 1);
}

#[tokio::test]
async fn events_of_conversations_cost_as_documented() {
    let world = World::active().await;
    let (kevin, kate, mut position) = (&world.kevin, &world.kate, None);
    let newest = kevin.sends("hello").await;
    // Before this, conversations were created.
    publishing_costs_of(&world, "ConversationsTable", &mut position).await;
    let mark = format!("read_up_to={newest}");
    kate.updates_conversation(&mark).await.is(200);
    // listeners among three participants: none, so that the messages are not read
    let unheard = publishing_costs_of(&world, "ConversationsTable", &mut position).await;
    assert_eq!(unheard, cost(1, 1, 3.0));
    for person in [kevin, kate, &world.linnie] {
        person.begins_events().await;
    }
    let cursor = kate.begins_events().await;
    let newest = kevin.sends("hello again").await;
    let mark = format!("read_up_to={newest}");
    kate.updates_conversation(&mark).await.is(200);
    // three participants; the marked message; three feeds
    let marked = publishing_costs_of(&world, "ConversationsTable", &mut position).await;
    assert_eq!(marked, cost(5, 3, 3.0 + 1.0 + 3.0));
    kevin
        .updates_conversation("metadata[key]=value")
        .await
        .is(200);
    let changed = publishing_costs_of(&world, "ConversationsTable", &mut position).await;
    assert_eq!(changed, cost(4, 2, 3.0 + 3.0));

    kate.gets_events(&cursor, 100).await.is(200);
    let page = kate.gets_events(&cursor, 100).await.is(200);
    let types: Vec<_> = page.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(types, ["message.updated", "conversation.updated"]);
    // token, listener ‖ feed; conversation of the message, membership; message ‖ conversation, newest message; sender and
    // caller ‖ three contacts
    assert_eq!(page.cost(), cost(7, 4, 3.0 + 2.0 + 1.0 + 2.0 + 2.0 + 3.0));
}

#[tokio::test]
async fn opening_a_socket_costs_as_documented() {
    let world = World::active().await;
    world.kate.begins_events().await;
    for _ in 0..2 {
        let id = ContactId::random().to_string();
        let event = json!({
            "headers": {"Authorization": format!("Bearer {}", world.kate.token)},
            "requestContext": {"routeKey": "$connect", "connectionId": id},
        });
        let mut context = Context::default();
        context.request_id.clone_from(&id);
        let event = LambdaEvent::new(serde_json::from_value(event).unwrap(), context);
        let open = functions::of_sockets()["open-socket"].clone();
        let store = world.store().as_new_instance();
        assert_eq!(open(store, event).await.status(), 200);
        // token; feed ‖ listener; the listener
        assert_eq!(Cost::of(&id), cost(4, 3, 3.0 + 1.0));
    }
}

/// The longest messages: 1 MB of them is read at most.
#[tokio::test]
async fn marking_many_long_messages_costs_a_bounded_event() {
    let world = World::active().await;
    let pair = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let kevin = world.kevin.within(pair);
    kevin.begins_events().await;
    let mut position = None;
    let now = Clock::system().now().0;
    let ids = (0..120).map(|number| MessageId::new(Micros(now + number), pair));
    import_texts(
        &world,
        ids.clone(),
        world.kevin.id,
        &"x".repeat(Text::MAX_LEN),
    );
    publishing_costs_of(&world, "ConversationsTable", &mut position).await;
    let newest = MessageId::new(Micros(now + 119), pair);
    let mark = format!("read_up_to={newest}");
    let kate = world.kate.within(pair);
    kate.updates_conversation(&mark).await.is(200);
    let published = publishing_costs_of(&world, "ConversationsTable", &mut position).await;
    // two participants; messages; a feed
    assert_eq!((published.calls, published.round_trips), (3, 3));
    let units = published.capacity_units;
    assert!((200.0..=2.0 + 257.0 + 1.0).contains(&units), "{units}");
}

/// However much has been in the feed before.
#[tokio::test]
async fn reading_a_long_feed_costs_as_much_as_reading_a_short_one() {
    let world = World::active().await;
    let mut measured = Vec::new();
    for segments in [0, 60_000] {
        let person = world.new_person("reader").await;
        let person = person.within(world.new_conversation(&[&person]).await);
        world.settles().await;
        person.begins_events().await;
        let id = format!("n{}{}", MessageId::prefix(Micros(1)), person.conversation);
        let full = vec![json!({ "S": id }); 16];
        // Before the segment that there is.
        let items = (1..=segments).map(|number| {
            json!({
                "contact_id": {"S": person.id}, "segment_number": {"N": number.to_string()},
                "entries": {"L": full}, "expires_at": {"N": "99999999999"},
            })
        });
        world.import_items("FeedTable", items.collect());
        let begun = person.gets("/v1/events").await.is(200);
        let newest = begun.json()["cursor"].as_str().unwrap().to_owned();
        person.sends("news").await;
        world.settles().await;
        person.gets_events(&newest, 100).await.is(200);
        let page = person.gets_events(&newest, 100).await.is(200);
        assert_eq!(page.json()["data"].as_array().unwrap().len(), 1);
        measured.push((begun.cost(), page.cost()));
    }
    assert_eq!(measured[0], measured[1]);
    // token, listener ‖ feed; conversation; message; contact
    assert_eq!(measured[0].1, cost(5, 4, 3.0 + 1.0 + 1.0 + 1.0));
}

/// The most expensive page of replies: each to another of the longest messages.
#[tokio::test]
async fn a_page_of_replies_reads_each_message_that_it_quotes_as_a_whole() {
    let world = World::active().await;
    let kevin = &world.kevin;
    let long = "x".repeat(Text::MAX_LEN);
    let mut quoted = Vec::new();
    for _ in 0..=50 {
        quoted.push(kevin.sends(&long).await);
    }
    for id in &quoted {
        kevin.tries_to_reply(id, "hello").await.is(201);
    }
    kevin.lists_messages("limit=50").await.is(200);
    let page = kevin.lists_messages("limit=50").await.is(200);
    // token, conversation, the caller; 51 replies; 50 messages
    assert_eq!(page.cost(), cost(3, 2, 3.0 + 2.0 + 450.0));
}

#[tokio::test]
async fn listing_ten_thousand_conversations_costs_as_much_as_listing_ten() {
    let world = World::active().await;
    let mut measured = Vec::new();
    for (size, reader) in [
        (10, world.new_person("few").await),
        (10_000, world.new_person("many").await),
    ] {
        reader.gets("/v1/me").await.is(200);
        let ids: Vec<_> = (1..=size + 1)
            .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
            .collect();
        import_messages(&world, ids.iter().copied(), world.kevin.id);
        import_conversations(&world, &ids, &reader);
        import_memberships(&world, &ids, &reader);
        let first = reader.lists_conversations("limit=5").await.is(200);
        assert_eq!(
            (first.ids().len(), &first.json()["has_more"]),
            (5, &true.into())
        );
        let middle = ids[ids.len() - 3].conversation();
        let deep = reader
            .lists_conversations(&format!("limit=5&starting_after={middle}"))
            .await
            .is(200);
        assert_eq!(deep.ids().len(), 5);
        measured.push([first.cost(), deep.cost()]);
    }
    assert_eq!(measured[0], measured[1]);
    // token; six memberships; six conversations and their messages, all unread; two contacts
    assert_eq!(measured[1][0], cost(10, 4, 1.0 + 1.0 + 12.0 + 3.0 + 2.0));
}

/// The most expensive list of conversations: a hundred unread messages of 32 KiB in each.
#[tokio::test]
async fn counting_unread_messages_costs_at_most_one_unit_per_conversation() {
    const PAGE: u16 = 20;
    let world = World::active().await;
    let reader = world.new_person("reader").await;
    reader.gets("/v1/me").await.is(200);
    let text = "x".repeat(Text::MAX_LEN);
    let latest: Vec<_> = (1..=u64::from(PAGE))
        .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
        .collect();
    import_conversations(&world, &latest, &reader);
    import_memberships(&world, &latest, &reader);
    for id in &latest {
        let first = id.created_at().0 - 99;
        let ids = (first..)
            .take(100)
            .map(|moment| MessageId::new(Micros(moment), id.conversation()));
        import_texts(&world, ids, world.kevin.id, &text);
    }
    let page = reader.lists_conversations(&format!("limit={PAGE}")).await;
    let page = page.is(200);
    let data = page.json()["data"].clone();
    for conversation in data.as_array().unwrap() {
        assert_eq!(conversation["unread_count"], 100);
    }
    // token; memberships; conversations, and the newest messages: 9 each; the counts; two contacts
    let line = page.log_line();
    let page = f64::from(PAGE);
    assert_eq!(
        line["read_units"],
        1.0 + 1.0 + page + 9.0 * page + page + 2.0
    );
    // token; contact, memberships; the counts of the first 16: then the total has reached 100
    let me = reader.gets("/v1/me").await.is(200);
    assert_eq!(me.json()["unread_count"], 100);
    assert_eq!(me.cost(), cost(3 + 16, 3, 1.0 + 1.0 + 1.0 + 16.0));
}

/// The most expensive total of unread messages: one in each of 99 conversations.
#[tokio::test]
async fn counting_all_unread_messages_costs_at_most_a_unit_per_two_conversations() {
    let world = World::active().await;
    let reader = world.new_person("reader").await;
    reader.gets("/v1/me").await.is(200);
    let latest: Vec<_> = (1..=10_000)
        .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
        .collect();
    import_memberships(&world, &latest, &reader);
    let unread = latest.iter().rev().take(100).skip(1).copied();
    import_messages(&world, unread, world.kevin.id);
    let me = reader.gets("/v1/me").await.is(200);
    assert_eq!(me.json()["unread_count"], 99);
    // token; contact, 100 memberships; 100 counts, 16 at a time
    assert_eq!(me.cost(), cost(3 + 100, 2 + 7, 1.0 + 1.0 + 3.0 + 50.0));
}

/// The most expensive `read_up_to`: everything, in a conversation of 90 whose recent reads have to make room.
#[tokio::test]
async fn marking_ten_thousand_messages_writes_at_most_ten_units() {
    let world = World::active().await;
    let crowd = world.crowd(90).await;
    for person in &crowd[..9] {
        person.gets("/v1/me").await.is(200);
    }
    let id = |number: u64| MessageId::new(Micros(1_000_000 * number), crowd[0].conversation);
    let long = "x".repeat(Text::MAX_LEN);
    let others = api_tests::cases("hello", &long);
    import_texts(&world, (1..9_970).map(id), crowd[0].id, others);
    import_texts(&world, (9_970..=10_000).map(id), crowd[0].id, &long);
    let mark = async |person: &Person, number| {
        let read = format!("read_up_to={}", id(number));
        let marked = person.updates_conversation(&read).await.is(200);
        let line = marked.log_line();
        // token, conversation, newest: 9, membership; the message: 9; the contacts, and at most 1 for the count
        assert!(line["read_units"].as_f64().unwrap() <= 1.0 + 1.0 + 9.0 + 1.0 + 9.0 + 90.0 + 1.0);
        line["write_units"].as_f64().unwrap()
    };
    // the conversation of 90: 2 KB; the membership and its index
    assert!(mark(&crowd[1], 9_970).await <= 2.0 + 2.0);
    let mut writes = Vec::new();
    for (number, person) in (9_971..10_000).zip(crowd[..9].iter().cycle()) {
        writes.push(mark(person, number).await);
    }
    // the conversation with 16 intervals: 3 KB; the membership and its index; intervals that move to their table
    let highest = 3.0 + 2.0 + 1.0;
    assert!(writes.contains(&highest), "{writes:?}");
    assert!(writes.iter().all(|&units| units <= highest), "{writes:?}");
    assert!(mark(&crowd[0], 10_000).await <= highest);
    let all = crowd[0].gets_conversation().await.json();
    assert_eq!(all["unread_count"], 0);
}

/// Every message is marked separately, so that a page of a hundred needs a hundred intervals.
#[tokio::test]
async fn a_page_older_than_the_recent_reads_costs_a_few_units_more() {
    let world = World::active().await;
    let conversation = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let [kevin, kate] = [&world.kevin, &world.kate].map(|person| person.within(conversation));
    for _ in 0..60 {
        for (sender, reader) in [(&kevin, &kate), (&kate, &kevin)] {
            let id = sender.sends("hello").await;
            let read = format!("read_up_to={id}");
            reader.updates_conversation(&read).await.is(200);
        }
    }
    let page = kevin.lists_messages("limit=100").await.is(200);
    let data = page.json()["data"].clone();
    let is_read = |message: &serde_json::Value| message["read_at"].is_u64();
    assert!(data.as_array().unwrap().iter().all(is_read));
    let oldest = page.ids()[99].clone();
    // token, conversation, two contacts, the messages: 11 KB; first and second intervals: 5 KB and 3 KB
    let page = kevin.lists_messages("limit=100").await.is(200);
    assert_eq!(page.cost(), cost(4, 2, 2.0 + 2.0 + 3.0 + 2.0 + 1.0));
    // token, conversation, message, contact; a first and a second interval
    let get = async || kevin.gets_message(&oldest).await.is(200).cost();
    get().await;
    assert_eq!(get().await, cost(3, 2, 4.0 + 2.0));
}

#[tokio::test]
async fn a_page_of_ten_short_messages_has_the_documented_cost() {
    let world = World::active().await;
    for _ in 0..10 {
        world.kevin.sends("hello").await;
    }
    // token, conversation, caller; query; sender, which later requests read in the first round trip
    let list = async || world.kate.lists_messages("").await.is(200).cost();
    assert_eq!(list().await, cost(3, 2, 5.0));
    assert_eq!(list().await, cost(2, 1, 5.0));
    // token; inbox; conversation; ten messages; sender and caller
    let page = world.kate.lists_inbox("").await.is(200).cost();
    assert_eq!(page, cost(5, 5, 15.0));
}

#[tokio::test]
async fn a_refused_request_costs_at_most_two_round_trips_and_writes_nothing() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    assert_eq!(
        world.anonymous.gets_message(&id).await.is(401).cost().calls,
        0
    );
    for response in [
        world.buzz.gets_message(&id).await,
        world.buzz.deletes_message(&id).await,
        world.kate.deletes_message(&id).await,
        world.kate.updates_message(&id, "message=hers").await,
        world
            .buzz
            .within(world.conversation)
            .tries_to_send("hi")
            .await,
        world
            .buzz
            .within(world.conversation)
            .lists_messages("")
            .await,
        world.kevin.lists_messages("limit=0").await,
    ] {
        assert!(response.status.is_client_error());
        assert!(response.cost().round_trips <= 2, "{response:?}");
        assert_eq!(response.log_line()["write_units"], 0.0, "{response:?}");
    }
}

#[tokio::test]
async fn thousands_of_usernames_cost_as_much_as_one() {
    let world = World::active().await;
    let id = world.kevin.sends("hello").await;
    let names: Vec<_> = (0..10_000).map(|number| format!("name{number}")).collect();
    let change = Json(serde_json::json!({"reactions": {"heart": names}}));
    let cost = world.kate.updates_message(&id, change).await.is(403).cost();
    assert_eq!((cost.calls, cost.round_trips), (1, 1));
    assert!(cost.capacity_units <= 5.0, "{cost:?}");
}

/// A message and a page every minute, through two instances, over several windows.
#[tokio::test]
async fn counting_what_a_contact_spends_costs_no_call_and_no_unit_while_it_chats() {
    let chat = async |budget: Budget| {
        let world = World::new().await;
        let now = Arc::new(AtomicU64::new(1_800_000_000_000_000));
        let start = async || {
            let host = world.host().clock_at(&now);
            let limits = Limits {
                budget,
                ..Limits::default()
            };
            let host = host.limits(limits).start().await;
            world.kevin.at(&host)
        };
        let (one, other) = (start().await, start().await);
        let mut costs = Vec::new();
        for _ in 0..25 {
            for response in [
                one.tries_to_send("hello").await.is(201),
                other.lists_messages("").await.is(200),
            ] {
                let unreported = response.log_line()["unreported_units"].as_f64().unwrap();
                let mut cost = response.cost();
                cost.capacity_units += unreported;
                costs.push(cost);
            }
            now.fetch_add(60_000_000, Ordering::Relaxed);
        }
        costs
    };
    let window = Duration::from_mins(10);
    let with_budget = chat(Budget {
        units: 50_000,
        window,
    });
    assert_eq!(with_budget.await, chat(Budget::default()).await);
}

/// Returns the costs of the first page, of the pages after and before a message, and of reading that message.
async fn read_costs(person: &Person, whole_inbox: bool, deep: MessageId) -> Vec<Cost> {
    let deep_page = format!("starting_after={deep}");
    let newer_page = format!("ending_before={deep}");
    let mut costs = Vec::new();
    for query in ["", &deep_page, &newer_page] {
        let page = if whole_inbox {
            person.lists_inbox(query).await
        } else {
            person.lists_messages(query).await
        };
        let page = page.is(200);
        assert_eq!(page.ids().len(), 10);
        costs.push(page.cost());
    }
    costs.push(person.gets_message(&deep.to_string()).await.is(200).cost());
    costs
}

/// `SCALE=1000000` also tests with a million messages.
#[tokio::test]
async fn the_cost_does_not_depend_on_the_number_of_messages() {
    let world = World::active().await;
    world.kevin.sends("hello").await;
    let scale = std::env::var("SCALE").map(|size| size.parse().expect("a number"));
    let mut measured = Vec::new();
    let sizes = api_tests::cases(&[100, 10_000][..], &[100, 10_000, 100_000]);
    for size in sizes.iter().copied().chain(scale) {
        let conversation = world.new_conversation(&[&world.kevin, &world.kate]).await;
        let id = |number: u64| MessageId::new(Micros(1_000_000 * number), conversation);
        import_messages(&world, (1..=size).map(id), world.kevin.id);
        let kevin = world.kevin.within(conversation);
        let mut costs = read_costs(&kevin, false, id(size / 2)).await;
        costs.push(kevin.tries_to_send("hello").await.is(201).cost());
        println!("{size} messages; page, deep page, newer page, get, send: {costs:?}");
        measured.push(costs);
    }
    // The first page, the get and the send are the first requests in this conversation, so that they read token and
    // conversation before the rest; later pages also read their contact ahead. The send between two
    // reads both contacts for blocks, updates two list positions and puts two inbox entries.
    let expected = [
        cost(3, 3, 4.0),
        cost(2, 1, 4.0),
        cost(2, 1, 4.0),
        cost(3, 3, 4.0),
        cost(6, 5, 5.0 + 6.0 + 1.0 + 6.0),
    ];
    assert!(measured.iter().all(|costs| *costs == expected));
}

#[tokio::test]
async fn an_inbox_of_ten_thousand_conversations_costs_as_much_as_one_of_a_hundred() {
    let world = World::active().await;
    let mut measured = Vec::new();
    for (size, reader) in [
        (100, world.new_person("few").await),
        (10_000, world.new_person("many").await),
    ] {
        reader.gets("/v1/me").await.is(200);
        // One message in each: every item of a page is in a conversation of its own.
        let ids: Vec<_> = (1..=size)
            .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
            .collect();
        import_messages(&world, ids.iter().copied(), world.kevin.id);
        import_inbox(&world, &ids, &reader);
        import_conversations(&world, &ids, &reader);
        let deep = ids[ids.len() / 2];
        measured.push(read_costs(&reader, true, deep).await);
    }
    assert_eq!(measured[0], measured[1]);
    // token; eleven entries; their conversations; their messages; sender and caller
    let page = cost(5, 5, 1.0 + 1.0 + 11.0 + 11.0 + 2.0);
    assert_eq!(measured[1][..3], [page, page, page]);
}

/// Puts an inbox entry for each of these messages directly into the table.
pub fn import_inbox(world: &World, ids: &[MessageId], reader: &Person) {
    import(
        world,
        "InboxTable",
        ids.iter().map(|id| {
            [
                ("contact_id", string(&reader.id)),
                ("message_id", string(id)),
            ]
            .into()
        }),
    );
}

#[tokio::test]
async fn an_inbox_of_thousands_of_stale_entries_has_a_bounded_cost_and_is_cleaned_up_page_by_page()
{
    let world = World::active().await;
    let reader = world.new_person("reader").await;
    reader.gets("/v1/me").await.is(200);
    // Each in another conversation, none of which exists.
    let stale: Vec<_> = (1..=3_000)
        .map(|number| MessageId::new(Micros(1_000_000 * number), ConversationId::random()))
        .collect();
    import_inbox(&world, &stale, &reader);
    let conversation = world.new_conversation(&[&world.kevin, &reader]).await;
    let live =
        [500, 2_500].map(|number| MessageId::new(Micros(1_000_000 * number + 1), conversation));
    import_messages(&world, live.into_iter(), world.kevin.id);
    import_inbox(&world, &live, &reader);
    let mut cursor = String::new();
    let mut seen = Vec::new();
    let mut requests = 0;
    loop {
        let page = reader
            .lists_inbox(&format!("limit=10{cursor}"))
            .await
            .is(200);
        requests += 1;
        let cost = page.cost();
        // token; per step: entries, their conversations, messages, deletions in batches of 25; sender and caller;
        // what the caller has spent, because it is more than a hundredth of the budget
        assert!(cost.round_trips <= 2 + 5 * 4 + 1, "{cost:?}");
        // token, message, sender and caller; entries; their conversations and deletions; what was spent
        assert!(
            cost.capacity_units <= 4.0 + 5.0 + 2.0 * 200.0 + 1.0,
            "{cost:?}"
        );
        if let Some(last) = page.ids().last() {
            cursor = format!("&starting_after={last}");
        } else if page.json()["has_more"] == true {
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(form_urlencoded::parse(
                    format!("limit=10{cursor}").as_bytes(),
                ))
                .finish();
            let again = format!("</v1/messages?{query}>; rel=\"next\"");
            assert_eq!(page.header("link"), again, "the same request continues");
        }
        seen.extend(page.ids());
        if page.json()["has_more"] == false {
            break;
        }
    }
    let newest_first = live.iter().rev().map(ToString::to_string);
    assert_eq!(seen, newest_first.collect::<Vec<_>>());
    assert_eq!(requests, 3_002_usize.div_ceil(200));
    // token; inbox; conversation; two messages; sender and caller
    let clean = reader.lists_inbox("limit=10").await.is(200);
    assert_eq!(clean.cost(), cost(5, 5, 1.0 + 1.0 + 2.0 + 1.0 + 2.0));
}

/// The most expensive lists of all messages: every text has 32 KiB, and the reader has left the conversation of many of
/// them, but the cleanup is unfinished.
#[tokio::test]
async fn listing_all_messages_reads_only_those_that_the_page_shows() {
    const MESSAGE: f64 = 9.0;
    let text = "x".repeat(Text::MAX_LEN);
    for (limit, left, present, shown) in [(100, 250, 0, 0), (100, 99, 150, 100), (50, 50, 150, 50)]
    {
        let world = World::active().await;
        let reader = world.new_person("reader").await;
        reader.gets("/v1/me").await.is(200);
        let former = world.new_conversation(&[&world.kevin]).await;
        let current = world.new_conversation(&[&world.kevin, &reader]).await;
        // One is newer than those that the reader may not see, so that the page continues behind them.
        let numbered = |conversation: ConversationId, numbers: std::ops::Range<u64>| {
            numbers.map(move |number| MessageId::new(Micros(1_000_000 * number), conversation))
        };
        let ids: Vec<_> = numbered(current, 1..present)
            .chain(numbered(former, 1_000..1_000 + left))
            .chain(numbered(current, 2_000..2_000 + present.min(1)))
            .collect();
        import_texts(&world, ids.iter().copied(), world.kevin.id, &text);
        import_inbox(&world, &ids, &reader);
        let page = reader.lists_inbox(&format!("limit={limit}")).await.is(200);
        assert_eq!(page.ids().len(), shown);
        let reads = page.log_line()["read_units"].as_f64().unwrap();
        println!("{shown} messages: {reads}");
        let shown = u32::try_from(shown).unwrap();
        assert!(reads <= MESSAGE * f64::from(shown) + 60.0, "{reads}");
    }
}

#[tokio::test]
async fn stale_inbox_entries_are_skipped_towards_newer_messages_too() {
    let world = World::active().await;
    let reader = world.new_person("reader").await;
    let conversation = world.new_conversation(&[&world.kevin, &reader]).await;
    let id = |second: u64| MessageId::new(Micros(1_000_000 * second), conversation);
    let stale: Vec<_> = (1..=300).map(id).collect();
    let live: Vec<_> = (301..=303).map(id).collect();
    import_messages(&world, live.iter().copied(), world.kevin.id);
    import_inbox(&world, &[stale, live.clone()].concat(), &reader);
    let query = format!("limit=2&ending_before={}", id(0));
    let first = reader.lists_inbox(&query).await.is(200);
    assert_eq!(
        (first.ids().len(), &first.json()["has_more"]),
        (0, &true.into())
    );
    assert!(first.header("link").ends_with("rel=\"prev\""), "{first:?}");
    let second = reader.lists_inbox(&query).await.is(200);
    assert_eq!(second.ids(), [live[1].to_string(), live[0].to_string()]);
    assert_eq!(second.json()["has_more"], true);
}

/// Puts a conversation of `reader` and Kevin for each of these messages directly into the table.
fn import_conversations(world: &World, ids: &[MessageId], reader: &Person) {
    import(
        world,
        "ConversationsTable",
        ids.iter().map(|id| {
            let participants =
                AttributeValue::SS(vec![reader.id.to_string(), world.kevin.id.to_string()]);
            [
                ("id", string(&id.conversation())),
                ("participants", participants),
                ("created_at", number(1)),
            ]
            .into()
        }),
    );
}

/// Puts a membership of `reader` for each of these messages, the latest of its conversation, directly into the table.
fn import_memberships(world: &World, ids: &[MessageId], reader: &Person) {
    import(
        world,
        "MembershipsTable",
        ids.iter().map(|id| {
            [
                ("contact_id", string(&reader.id)),
                ("conversation_id", string(&id.conversation())),
                ("place", string(&format!("o{id}"))),
                ("joined_at", number(1)),
            ]
            .into()
        }),
    );
}

/// Puts messages directly into the table.
pub fn import_messages(world: &World, ids: impl Iterator<Item = MessageId>, author: ContactId) {
    import_texts(world, ids, author, "hello");
}

/// Puts messages with this text directly into the table.
pub fn import_texts(
    world: &World,
    ids: impl Iterator<Item = MessageId>,
    author: ContactId,
    text: &str,
) {
    import(
        world,
        "MessagesTable",
        ids.map(|id| {
            [
                ("conversation_id", string(&id.conversation())),
                ("created_at", number(id.created_at().0)),
                ("contact_id", string(&author)),
                ("message", string(&text)),
                ("version", number(1)),
            ]
            .into()
        }),
    );
}

/// Puts items directly into a table.
pub fn import<'a>(
    world: &World,
    table: &str,
    items: impl Iterator<Item = std::collections::HashMap<&'a str, AttributeValue>>,
) {
    let items: Vec<Item> = items
        .map(|item| {
            item.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        })
        .collect();
    let count = items.len();
    let result = world
        .engine()
        .database()
        .import_items(table, items, ImportOptions::default())
        .unwrap();
    assert_eq!(result.items_imported, count);
}

pub fn string(text: &impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
