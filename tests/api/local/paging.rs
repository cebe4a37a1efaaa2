//! Walks through pages while messages come and go.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::harness::{Answer, Person, World};

/// Something that happens between two pages.
#[derive(Clone, Copy, Debug)]
enum Event {
    Send,
    /// Of all that are there, this one.
    Delete(prop::sample::Index),
    /// The next page, of this many.
    Page(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Send),
        2 => any::<prop::sample::Index>().prop_map(Event::Delete),
        3 => (1_usize..5).prop_map(Event::Page),
    ]
}

/// A conversation being walked through, and what is known of it.
struct Walk<'a> {
    world: &'a World,
    /// Whether all conversations are walked at once, and which two.
    everything: bool,
    conversations: [Person; 2],
    newer: bool,
    cursor: Option<String>,
    alive: Vec<String>,
    throughout: BTreeSet<String>,
    seen: Vec<String>,
    done: bool,
}

impl Walk<'_> {
    async fn send(&mut self) {
        let within = if self.everything {
            self.alive.len() % 2
        } else {
            0
        };
        let id = self.conversations[within].sends("x").await;
        self.alive.push(id);
    }

    async fn delete(&mut self, index: prop::sample::Index) {
        if !self.alive.is_empty() {
            let id = self.alive.remove(index.index(self.alive.len()));
            self.world.kevin.deletes(&id).await.is(204);
            self.throughout.remove(&id);
        }
    }

    /// What there is from the cursor on, nearest first.
    fn ahead(&self) -> Vec<String> {
        let mut alive = self.alive.clone();
        alive.sort();
        match (&self.cursor, self.newer) {
            (Some(cursor), true) => alive.retain(|id| id > cursor),
            (Some(cursor), false) => alive.retain(|id| id < cursor),
            (None, _) => {}
        }
        if !self.newer {
            alive.reverse();
        }
        alive
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
        let page: Answer = if self.everything {
            reader.lists_all(&query).await
        } else {
            reader.lists(&query).await
        };
        let page = page.is(200);
        let mut ids = page.ids();
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {ids:?}");
        if self.newer {
            ids.reverse();
        }
        let ahead = self.ahead();
        assert_eq!(
            ids,
            ahead[..limit.min(ahead.len())],
            "what is next on the way"
        );
        assert_eq!(page.json()["has_more"], ahead.len() > limit, "exactly");
        self.done = ids.len() < limit;
        self.cursor = ids.last().cloned().or(self.cursor.take());
        self.seen.extend(ids);
    }
}

/// Walks, and checks that what was there all the time was seen exactly once.
async fn walk(everything: bool, newer: bool, before: usize, events: Vec<Event>) {
    let world = World::new().await;
    let other = world.conversation_of(&[&world.kevin, &world.kate]).await;
    let conversations = [world.kevin.clone(), world.kevin.within(other)];
    let mut walk = Walk {
        world: &world,
        everything,
        conversations,
        newer,
        cursor: None,
        alive: Vec::new(),
        throughout: BTreeSet::new(),
        seen: Vec::new(),
        done: false,
    };
    for _ in 0..before {
        walk.send().await;
    }
    if newer {
        // Up from before the oldest: an id that need not exist.
        walk.cursor = Some(format!("000000000{}", world.conversation));
    }
    walk.throughout = walk.alive.iter().cloned().collect();
    for event in events {
        match event {
            Event::Send => walk.send().await,
            Event::Delete(index) => walk.delete(index).await,
            Event::Page(limit) => walk.page(limit).await,
        }
    }
    while !walk.done {
        walk.page(3).await;
    }
    let seen: BTreeSet<_> = walk.seen.iter().cloned().collect();
    assert_eq!(
        seen.len(),
        walk.seen.len(),
        "nothing is seen twice: {:?}",
        walk.seen
    );
    let missed: Vec<_> = walk.throughout.difference(&seen).collect();
    assert!(
        missed.is_empty(),
        "all that was there throughout is seen: {missed:?} of {:?}",
        walk.seen
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: api_tests::cases(12, 48), max_shrink_iters: 100, ..ProptestConfig::default() })]

    #[test]
    fn walking_pages_yields_every_message_once(
        everything in any::<bool>(),
        newer in any::<bool>(),
        before in 0_usize..12,
        events in prop::collection::vec(event(), 0..20),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(walk(everything, newer, before, events));
    }
}
