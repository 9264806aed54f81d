//! Reading that does not stop at the first mistake.
//!
//! serde ends at the first error, and an operator wants all of them. So nothing that is read here fails: each key of a
//! table is a [`Field`], which notes what stood there when it was the wrong thing, and the keys that a table does not
//! know are noted beside it. Lowering reports both, with their places.

use core::fmt;
use core::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;

/// What stands at a key.
pub(crate) enum Field<T> {
    /// Nothing: the key is not there.
    Absent(Presence),
    /// The wrong thing.
    Wrong(Found),
    /// The right thing, and the keys in it that it does not know.
    Given(T, Strays),
}

/// Keys that a table does not know.
pub(crate) type Strays = Vec<String>;

/// What the absence of a key means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    /// It is a mistake.
    Required,
    /// There is none.
    Optional,
    /// It is as if this stood there.
    Default(&'static str),
}

/// What stood in the place of something else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Nothing,
    Text,
    Number,
    Flag,
    List,
    Mapping,
}

impl Found {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text => "text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::List => "a list",
            Self::Mapping => "a mapping",
        }
    }
}

/// One value as YAML sees it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// No value, `~` or `null`.
    Nothing,
    /// Text, quoted or not.
    Text(String),
    /// A number without quotes. YAML has already made a binary number of it, so whoever wants it exactly takes the
    /// text as written from the file.
    Number(String),
    /// `true` or `false`.
    Flag(bool),
}

impl Scalar {
    pub(crate) const fn found(&self) -> Found {
        match self {
            Self::Nothing => Found::Nothing,
            Self::Text(_) => Found::Text,
            Self::Number(_) => Found::Number,
            Self::Flag(_) => Found::Flag,
        }
    }
}

/// What a read gives: the thing with its unknown keys, or what stood there instead.
pub(crate) type Read<T> = Result<(T, Strays), Found>;

/// Something that can stand at a key. Each kind of content that it does not override is the wrong thing.
pub(crate) trait Raw<'de>: Sized {
    /// What is wanted, for a message: "a list", "a duration such as 90s, 5m or 1h30m".
    const WANTED: &'static str;

    /// The value that a default stands for. Defaults are written by us, in the tables.
    fn from_default(text: &'static str) -> Option<Self>;

    /// The keys that are known.
    fn keys() -> &'static [Key] {
        &[]
    }

    /// Reads one value.
    fn from_scalar(scalar: Scalar) -> Read<Self> {
        Err(scalar.found())
    }

    /// Reads a list.
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err(Found::List))
    }

    /// Reads a mapping.
    fn from_mapping<A: MapAccess<'de>>(mut mapping: A) -> Result<Read<Self>, A::Error> {
        while mapping.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(Found::Mapping))
    }
}

/// A key of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) presence: Presence,
}

impl<T> Field<T> {
    pub(crate) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    pub(crate) const fn is_given(&self) -> bool {
        matches!(self, Self::Given(..))
    }
}

impl<T> From<Read<T>> for Field<T> {
    fn from(read: Read<T>) -> Self {
        match read {
            Ok((value, strays)) => Self::Given(value, strays),
            Err(found) => Self::Wrong(found),
        }
    }
}

impl<'de, T: Raw<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: Raw<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::WANTED)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Nothing).into())
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Nothing).into())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Flag(flag)).into())
    }

    fn visit_u64<E>(self, n: u64) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Number(n.to_string())).into())
    }

    fn visit_i64<E>(self, n: i64) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Number(n.to_string())).into())
    }

    fn visit_u128<E>(self, n: u128) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Number(n.to_string())).into())
    }

    fn visit_i128<E>(self, n: i128) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Number(n.to_string())).into())
    }

    fn visit_f64<E>(self, n: f64) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Number(n.to_string())).into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_scalar(Scalar::Text(text.to_owned())).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Ok(T::from_list(list)?.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mapping: A) -> Result<Self::Value, A::Error> {
        Ok(T::from_mapping(mapping)?.into())
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A list.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
pub(crate) struct List<T>(pub(crate) Vec<Field<T>>);

impl<'de, T: Raw<'de>> Raw<'de> for List<T> {
    const WANTED: &'static str = "a list";

    /// `[]` or `[a, b]`.
    fn from_default(text: &'static str) -> Option<Self> {
        let items = text.strip_prefix('[')?.strip_suffix(']')?;
        let items = items.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| Some(Field::Given(T::from_default(item)?, Vec::new()))).collect::<Option<_>>().map(Self)
    }

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Read<Self>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Ok((Self(items), Vec::new())))
    }
}

/// A mapping with keys that the operator chooses. Of a duplicate key the first stays; the scan has reported it.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
pub(crate) struct Dict<T>(pub(crate) std::collections::BTreeMap<String, Field<T>>);

impl<'de, T: Raw<'de>> Raw<'de> for Dict<T> {
    const WANTED: &'static str = "a mapping";

    /// `{}` only.
    fn from_default(text: &'static str) -> Option<Self> {
        (text == "{}").then(|| Self(std::collections::BTreeMap::new()))
    }

    fn from_mapping<A: MapAccess<'de>>(mut mapping: A) -> Result<Read<Self>, A::Error> {
        let mut entries = std::collections::BTreeMap::new();
        while let Some((key, value)) = mapping.next_entry::<String, Field<T>>()? {
            entries.entry(key).or_insert(value);
        }
        Ok(Ok((Self(entries), Vec::new())))
    }
}

/// Declares a table: a mapping with known keys. Each key is `required`, `optional`, or has a `default` written as it
/// would be in the file. The doc comments are for operators: they become the schema and the reference page.
macro_rules! table {
    ($(
        $(#[doc = $about:expr])*
        $name:ident {
            $( $(#[doc = $doc:expr])* $presence:ident $(($default:literal))? $field:ident : $kind:ty, )*
        }
    )*) => { $(
        $(#[doc = $about])*
        #[derive(schemars::JsonSchema)]
        #[schemars(deny_unknown_fields, transform = $name::finish)]
        pub(crate) struct $name {
            $( $(#[doc = $doc])* pub(crate) $field: $crate::raw::field::Field<$kind>, )*
        }

        impl $name {
            /// The keys of this table, in the order of the reference page.
            pub(crate) const KEYS: &'static [$crate::raw::field::Key] = &[
                $( $crate::raw::field::Key {
                    name: stringify!($field),
                    presence: $crate::raw::field::presence!($presence $($default)?),
                } ),*
            ];

            /// Adds to the schema which keys are needed and what the others default to.
            fn finish(schema: &mut schemars::Schema) {
                $crate::raw::field::note_presence(schema, Self::KEYS);
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $(
                    $field: $crate::raw::field::Field::Absent($crate::raw::field::presence!($presence $($default)?)),
                )* }
            }
        }

        impl<'de> $crate::raw::field::Raw<'de> for $name {
            const WANTED: &'static str = "a mapping";

            fn from_default(text: &'static str) -> Option<Self> {
                (text == "{}").then(Self::default)
            }

            fn keys() -> &'static [$crate::raw::field::Key] {
                Self::KEYS
            }

            fn from_mapping<A: serde::de::MapAccess<'de>>(
                mut mapping: A,
            ) -> Result<$crate::raw::field::Read<Self>, A::Error> {
                let mut table = Self::default();
                let mut strays = Vec::new();
                while let Some(key) = mapping.next_key::<String>()? {
                    // Of a duplicate key the first stays; the scan has reported it.
                    $( if key == stringify!($field) && table.$field.is_absent() {
                        table.$field = mapping.next_value()?;
                        continue;
                    } )*
                    mapping.next_value::<serde::de::IgnoredAny>()?;
                    if !Self::KEYS.iter().any(|known| known.name == key) {
                        strays.push(key);
                    }
                }
                Ok(Ok((table, strays)))
            }
        }
    )* };
}

/// The presence that a table's line states.
macro_rules! presence {
    (required) => {
        $crate::raw::field::Presence::Required
    };
    (optional) => {
        $crate::raw::field::Presence::Optional
    };
    (default $text:literal) => {
        $crate::raw::field::Presence::Default($text)
    };
}

pub(crate) use {presence, table};

/// Adds to a table's schema which keys are needed and what the others default to.
pub(crate) fn note_presence(schema: &mut Schema, keys: &[Key]) {
    let mut required = Vec::new();
    for Key { name, presence } in keys {
        match presence {
            Presence::Required => required.push(serde_json::Value::from(*name)),
            Presence::Optional => {}
            Presence::Default(text) => {
                let Some(property) = schema.pointer_mut(&format!("/properties/{name}")) else { continue };
                let Some(property) = property.as_object_mut() else { continue };
                property.insert("default".into(), default_as_json(text, property.get("type")));
            }
        }
    }
    schema.remove("required");
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
}

/// A default as the schema writes it: text stays text, other kinds become themselves.
fn default_as_json(text: &str, kind: Option<&serde_json::Value>) -> serde_json::Value {
    if kind.and_then(|k| k.as_str()) == Some("string") {
        return text.into();
    }
    let items = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    if let Some(items) = items {
        return items.split(", ").filter(|item| !item.is_empty()).collect();
    }
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
