//! Parameters of a request, parsed into the request type of the endpoint.
//!
//! Forms, query strings and JSON are parsed into a [`Value`] first, and [`parse`] deserializes it. Errors
//! name the parameter in request syntax, such as `reactions[heart][]`.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Number;

use crate::error::Invalid;

/// A parameter as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON's null.
    Null,
    /// JSON's true or false.
    Bool(bool),
    /// JSON's number.
    Number(Number),
    /// A string, or any value of a form.
    Text(String),
    /// `[…]` in JSON, `name[]=…` in a form.
    List(Vec<Value>),
    /// `{…}` in JSON, `name[key]=…` in a form. A key can occur more than once.
    Map(Vec<(String, Value)>),
}

/// Parses the request type of an endpoint.
pub fn parse<T: DeserializeOwned>(params: Value) -> Result<T, Invalid> {
    T::deserialize(params).map_err(Problem::into_invalid)
}

/// An error and its location: the keys from the innermost to the outermost.
#[derive(Debug)]
pub struct Problem {
    path: Vec<String>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unknown { expected: &'static [&'static str] },
    Missing,
    Repeated,
    Value(String),
}

impl Problem {
    fn at(mut self, key: &str) -> Self {
        self.path.push(key.to_owned());
        self
    }

    fn into_invalid(self) -> Invalid {
        let mut path = self.path.iter().rev();
        let name = path
            .next()
            .map(|first| path.fold(first.clone(), |name, key| format!("{name}[{key}]")));
        let param = name.clone().unwrap_or_default();
        match self.kind {
            Kind::Unknown { expected: [] } => Invalid::Unknown {
                param,
                expected: "none".to_owned(),
            },
            Kind::Unknown { expected } => Invalid::Unknown {
                param,
                expected: expected.join(", "),
            },
            Kind::Missing => Invalid::Missing { param },
            Kind::Repeated => Invalid::Repeated { param },
            Kind::Value(problem) => Invalid::Value {
                param: name,
                problem,
            },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: Vec::new(),
            kind: Kind::Value(message.to_string()),
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self {
            path: vec![field.to_owned()],
            kind: Kind::Unknown { expected },
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            path: vec![field.to_owned()],
            kind: Kind::Missing,
        }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self {
            path: vec![field.to_owned()],
            kind: Kind::Repeated,
        }
    }

    /// Names the type of the value, but does not repeat the value.
    fn invalid_type(actual: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let actual = match actual {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) => "text",
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "a list",
            Unexpected::Map => "an object",
            _ => "something else",
        };
        let expected = expected
            .to_string()
            .replace("a sequence", "a list (in a form: name[]=value)");
        Self::custom(format_args!("must be {expected}, not {actual}"))
    }
}

/// Text is accepted as a number or a boolean, because a form contains only text.
impl<'de> Deserializer<'de> for Value {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(boolean) => visitor.visit_bool(boolean),
            Self::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Self::Text(text) => visitor.visit_string(text),
            Self::List(list) => visitor.visit_seq(List(list.into_iter())),
            Self::Map(map) => visitor.visit_map(Map {
                entries: map.into_iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Null => visitor.visit_none(),
            given => visitor.visit_some(given),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let number = match &self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => number.as_u64().or_else(|| without_fraction(number)),
            _ => None,
        };
        match number {
            Some(number) => visitor.visit_u64(number),
            None => Err(de::Error::custom("must be a whole number")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self {
            Self::Bool(boolean) => visitor.visit_bool(boolean),
            Self::Text(text) if text == "true" => visitor.visit_bool(true),
            Self::Text(text) if text == "false" => visitor.visit_bool(false),
            _ => Err(de::Error::custom("must be true or false")),
        }
    }

    /// Fields by name only: serde would read a list by position.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self {
            Self::Map(_) => self.deserialize_any(visitor),
            _ => Err(de::Error::custom(format_args!(
                "needs one of these in brackets: {}",
                fields.join(", ")
            ))),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// `3600.0` as 3600, which JSON does not tell apart.
fn without_fraction(number: &Number) -> Option<u64> {
    number.to_string().strip_suffix(".0")?.parse().ok()
}

impl IntoDeserializer<'_, Problem> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct List(std::vec::IntoIter<Value>);

impl<'de> de::SeqAccess<'de> for List {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        self.0
            .next()
            .map(|value| seed.deserialize(value).map_err(|problem| problem.at("")))
            .transpose()
    }
}

struct Map {
    entries: std::vec::IntoIter<(String, Value)>,
    value: Option<(String, Value)>,
}

impl<'de> de::MapAccess<'de> for Map {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        self.value = self.entries.next();
        let Some((key, _)) = &self.value else {
            return Ok(None);
        };
        seed.deserialize(Value::Text(key.clone()))
            .map(Some)
            .map_err(|problem| {
                if problem.path.is_empty() {
                    problem.at(key)
                } else {
                    problem
                }
            })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let (key, value) = self
            .value
            .take()
            .ok_or_else(|| de::Error::custom("a value without its key"))?;
        seed.deserialize(value).map_err(|problem| problem.at(&key))
    }
}

/// Keeps repeated keys of JSON objects.
impl<'de> de::Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(Value::Bool(boolean))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}
