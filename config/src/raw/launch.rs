//! `launch` of an entry of `pools`: which keys it has depends on the cloud, which may be named after it. So it is kept as
//! it stands, and read as the table of its cloud once that is known.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::field::{Field, Found, Presence, Raw, Read};
use super::{AwsLaunch, AzureLaunch, GcpLaunch, PpioLaunch};

/// What a machine is launched with, of a cloud that is not known yet.
pub(crate) struct Launch(Vec<(String, Tree)>);

/// Reads `launch` as the table of one cloud.
pub(crate) fn read<T: for<'de> Raw<'de>>(field: Field<Launch>) -> Field<T> {
    match field {
        Field::Absent(_) => Field::Absent(Presence::Required),
        Field::Wrong(found) => Field::Wrong(found),
        // Nothing that is read fails; what it finds is in the field.
        Field::Given(launch, _) => Field::deserialize(Tree::Mapping(launch.0)).unwrap_or(Field::Wrong(Found::Mapping)),
    }
}

impl<'de> Raw<'de> for Launch {
    const WANTED: &'static str = "a mapping";

    fn from_default(_: &'static str) -> Option<Self> {
        None
    }

    fn from_mapping<A: MapAccess<'de>>(mut mapping: A) -> Result<Read<Self>, A::Error> {
        Ok(Ok((Self(entries(&mut mapping)?), Vec::new())))
    }
}

impl JsonSchema for Launch {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Launch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "mapping",
            "anyOf": [
                generator.subschema_for::<AwsLaunch>(),
                generator.subschema_for::<AzureLaunch>(),
                generator.subschema_for::<GcpLaunch>(),
                generator.subschema_for::<PpioLaunch>(),
            ]
        })
    }
}

/// A part of the file as it stands. Duplicate keys stay, as the reading of a table expects them.
enum Tree {
    Nothing,
    Flag(bool),
    Whole(u64),
    Negative(i64),
    Real(f64),
    Text(String),
    List(Vec<Self>),
    Mapping(Vec<(String, Self)>),
}

fn entries<'de, A: MapAccess<'de>>(mapping: &mut A) -> Result<Vec<(String, Tree)>, A::Error> {
    let mut entries = Vec::new();
    while let Some(entry) = mapping.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Flag(flag))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Tree, E> {
        Ok(Tree::Whole(n))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Tree, E> {
        Ok(Tree::Negative(n))
    }

    // Numbers are taken from the file as they are written there: only that it is one matters.
    fn visit_u128<E>(self, _: u128) -> Result<Tree, E> {
        Ok(Tree::Whole(u64::MAX))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Tree, E> {
        Ok(Tree::Negative(i64::MIN))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Tree, E> {
        Ok(Tree::Real(n))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Tree, A::Error> {
        entries(&mut mapping).map(Tree::Mapping)
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Nothing => visitor.visit_unit(),
            Self::Flag(flag) => visitor.visit_bool(flag),
            Self::Whole(n) => visitor.visit_u64(n),
            Self::Negative(n) => visitor.visit_i64(n),
            Self::Real(n) => visitor.visit_f64(n),
            Self::Text(text) => visitor.visit_string(text),
            Self::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
            Self::Mapping(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
