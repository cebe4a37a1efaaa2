//! `reactions[heart][]=ann` and `reactions[heart]=`; in JSON also the list that answers have.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use shared::contact::Username;
use shared::message::Emoji;

/// Who shall react with which emoji: the caller, or nobody.
#[derive(Default)]
pub struct Reactions(pub BTreeMap<Emoji, Vec<Username>>);

impl<'de> Deserialize<'de> for Reactions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ByEmoji)
    }
}

struct ByEmoji;

impl<'de> Visitor<'de> for ByEmoji {
    type Value = Reactions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("usernames by emoji, as in reactions[heart][]=ann")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Reactions, A::Error> {
        ObjectOnly.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Reactions, A::Error> {
        let mut reactions = Reactions::default();
        while let Some(Object(Reactions(some))) = list.next_element()? {
            some.into_iter()
                .try_for_each(|(emoji, usernames)| reactions.add(emoji, usernames))?;
        }
        Ok(reactions)
    }
}

/// An element of the list: an object, and not a list again.
struct Object(Reactions);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectOnly).map(Self)
    }
}

struct ObjectOnly;

impl<'de> Visitor<'de> for ObjectOnly {
    type Value = Reactions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of usernames by emoji")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Reactions, A::Error> {
        let mut reactions = Reactions::default();
        while let Some((emoji, Usernames(usernames))) = map.next_entry()? {
            reactions.add(emoji, usernames)?;
        }
        Ok(reactions)
    }
}

impl Reactions {
    fn add<E: Error>(&mut self, emoji: Emoji, usernames: Vec<Username>) -> Result<(), E> {
        if self.0.contains_key(&emoji) {
            return Err(E::custom(format_args!(
                "names the emoji {emoji} more than once"
            )));
        }
        self.0.insert(emoji, usernames);
        Ok(())
    }
}

/// A list of usernames; a form has no empty list, so its empty text is one.
struct Usernames(Vec<Username>);

impl<'de> Deserialize<'de> for Usernames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListOrNothing)
    }
}

struct ListOrNothing;

impl<'de> Visitor<'de> for ListOrNothing {
    type Value = Usernames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of usernames, or empty")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Usernames, E> {
        if text.is_empty() {
            Ok(Usernames(Vec::new()))
        } else {
            Err(E::custom(
                "must be a list: write reactions[emoji][]=username, or reactions[emoji]= to take it away",
            ))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Usernames, A::Error> {
        let mut usernames = Vec::new();
        while let Some(username) = list.next_element()? {
            usernames.push(username);
        }
        Ok(Usernames(usernames))
    }
}
