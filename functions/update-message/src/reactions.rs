//! The parameter `reactions`: usernames by emoji.
//!
//! Accepted in a form: `reactions[heart][]=ann` to react, `reactions[heart]=` to remove the reaction.
//! Accepted in JSON: `{"heart": ["ann"], "joy": []}`, and a list of such objects, which is the format of
//! responses. An emoji may occur only once.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use shared::contact::Username;
use shared::message::Emoji;

/// By emoji, the usernames that react with it.
#[derive(Default)]
pub struct Reactions(pub BTreeMap<Emoji, Vec<Username>>);

impl<'de> Deserialize<'de> for Reactions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectOrListVisitor)
    }
}

struct ObjectOrListVisitor;

impl<'de> Visitor<'de> for ObjectOrListVisitor {
    type Value = Reactions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("usernames by emoji, as in reactions[heart][]=ann")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Reactions, A::Error> {
        ObjectVisitor.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Reactions, A::Error> {
        let mut reactions = Reactions::default();
        while let Some(Object(Reactions(object))) = list.next_element()? {
            for (emoji, usernames) in object {
                reactions.add(emoji, usernames)?;
            }
        }
        Ok(reactions)
    }
}

/// An element of the list, which must not be a list itself.
struct Object(Reactions);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor).map(Self)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
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

/// A list of usernames. An empty text is an empty list, which a form cannot express otherwise.
struct Usernames(Vec<Username>);

impl<'de> Deserialize<'de> for Usernames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UsernamesVisitor)
    }
}

struct UsernamesVisitor;

impl<'de> Visitor<'de> for UsernamesVisitor {
    type Value = Usernames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of usernames, or empty")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Usernames, E> {
        if text.is_empty() {
            Ok(Usernames(Vec::new()))
        } else {
            Err(E::custom(
                "must be a list: send reactions[emoji][]=username, or reactions[emoji]= to remove your reaction",
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
