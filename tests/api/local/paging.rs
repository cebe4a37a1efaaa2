//! Paging while messages are sent and deleted.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::harness::{Person, Response, World};

/// An event during the traversal.
#[derive(Clone, Copy, Debug)]
enum Event {
    Send,
    /// Deletes one of the existing messages.
    Delete(prop::sample::Index),
    /// Requests the next page, with this limit.
    Page(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Send),
        2 => any::<prop::sample::Index>().prop_map(Event::Delete),
        3 => (1_usize..5).prop_map(Event::Page),
    ]
}

/// A traversal of all pages of a list, and the expected result.
struct Traversal<'a> {
    world: &'a World,
    /// Whether to list the whole inbox, with two conversations, or a single conversation.
    whole_inbox: bool,
    conversations: [Person; 2],
    /// Whether to page from old to new.
    newer: bool,
    cursor: Option<String>,
    /// The ids of all messages that have not been deleted.
    existing: Vec<String>,
    /// The ids of the messages that exist during the whole traversal.
    permanent: BTreeSet<String>,
    /// The ids of all messages listed so far.
    seen: Vec<String>,
    done: bool,
}

impl Traversal<'_> {
    async fn send(&mut self) {
        let within = if self.whole_inbox {
            self.existing.len() % 2
        } else {
            0
        };
        let id = self.conversations[within].sends("x").await;
        self.existing.push(id);
    }

    async fn delete(&mut self, index: prop::sample::Index) {
        if !self.existing.is_empty() {
            let id = self.existing.remove(index.index(self.existing.len()));
            self.world.kevin.deletes_message(&id).await.is(204);
            self.permanent.remove(&id);
        }
    }

    /// Returns the ids of the messages after the cursor, nearest first.
    fn remaining(&self) -> Vec<String> {
        let mut existing = self.existing.clone();
        existing.sort();
        match (&self.cursor, self.newer) {
            (Some(cursor), true) => existing.retain(|id| id > cursor),
            (Some(cursor), false) => existing.retain(|id| id < cursor),
            (None, _) => {}
        }
        if !self.newer {
            existing.reverse();
        }
        existing
    }

    async fn page(&mut self, limit: usize) {
        if self.done {
            return;
        }
        let cursor = match (&self.cursor, self.newer) {
            (None, _) => String::new(),
            (Some(id), true) => format!("&ending_before={id}"),
            (Some(id), false) => format!("&starting_after={id}"),
        };
        let query = format!("limit={limit}{cursor}");
        let reader = &self.world.kate;
        let page: Response = if self.whole_inbox {
            reader.lists_inbox(&query).await
        } else {
            reader.lists_messages(&query).await
        };
        let page = page.is(200);
        let mut ids = page.ids();
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
        if self.newer {
            ids.reverse();
        }
        let remaining = self.remaining();
        assert_eq!(
            ids,
            remaining[..limit.min(remaining.len())],
            "the page has the next messages"
        );
        assert_eq!(
            page.json()["has_more"],
            remaining.len() > limit,
            "has_more is exact"
        );
        self.done = ids.len() < limit;
        self.cursor = ids.last().cloned().or(self.cursor.take());
        self.seen.extend(ids);
    }
}

/// Lists all pages, and checks that every message that existed throughout was listed exactly once.
async fn traverse(whole_inbox: bool, newer: bool, before: usize, events: Vec<Event>) {
    let world = World::new().await;
    let other = world.new_conversation(&[&world.kevin, &world.kate]).await;
    let conversations = [world.kevin.clone(), world.kevin.within(other)];
    let mut traversal = Traversal {
        world: &world,
        whole_inbox,
        conversations,
        newer,
        cursor: None,
        existing: Vec::new(),
        permanent: BTreeSet::new(),
        seen: Vec::new(),
        done: false,
    };
    for _ in 0..before {
        traversal.send().await;
    }
    if newer {
        // Starts before the oldest message. The id of a cursor need not exist.
        traversal.cursor = Some(format!("000000000{}", world.conversation));
    }
    traversal.permanent = traversal.existing.iter().cloned().collect();
    for event in events {
        match event {
            Event::Send => traversal.send().await,
            Event::Delete(index) => traversal.delete(index).await,
            Event::Page(limit) => traversal.page(limit).await,
        }
    }
    while !traversal.done {
        traversal.page(3).await;
    }
    let seen: BTreeSet<_> = traversal.seen.iter().cloned().collect();
    assert_eq!(
        seen.len(),
        traversal.seen.len(),
        "no message is listed twice: {:?}",
        traversal.seen
    );
    let missed: Vec<_> = traversal.permanent.difference(&seen).collect();
    assert!(
        missed.is_empty(),
        "not listed: {missed:?}; listed: {:?}",
        traversal.seen
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: api_tests::cases(12, 48), max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn paging_lists_every_message_once(
        whole_inbox in any::<bool>(),
        newer in any::<bool>(),
        before in 0_usize..12,
        events in prop::collection::vec(event(), 0..20),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(traverse(whole_inbox, newer, before, events));
    }
}
