//! From a tree to Rust types through serde.
//!
//! Scalars are handed over as the text that stood in the file wherever a text is asked for, so that
//! [`values`](crate::values) read numbers exactly. An empty value counts as absent, as in Kubernetes.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected,
    IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::diagnostic::Span;
use crate::yaml::{Entry, Node, Scalar, Value};

/// A tree that is not what a type asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) message: String,
    /// Where, as far as is known.
    pub(crate) span: Option<Span>,
}

/// The type whose variant is told by the value under `kind` rather than by its only key.
const DOCUMENT: &str = "Document";

/// The value that `node` stands for.
pub(crate) fn deserialize<T: DeserializeOwned>(node: &Node) -> Result<T, Misfit> {
    T::deserialize(Reader(node))
}

struct Reader<'a>(&'a Node);

impl Reader<'_> {
    fn misfit(&self, expected: &dyn Expected) -> Misfit {
        Misfit::invalid_type(Unexpected::Other(self.0.noun()), expected).at(self.0.span)
    }

    fn scalar(&self, expected: &dyn Expected) -> Result<&Scalar, Misfit> {
        match &self.0.value {
            Value::Scalar(scalar) => Ok(scalar),
            Value::Null | Value::List(_) | Value::Map(_) => Err(self.misfit(expected)),
        }
    }
}

macro_rules! integers {
    ($($ask:ident $visit:ident $integer:ty),* $(,)?) => {$(
        fn $ask<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.scalar(&visitor)?.text.parse::<$integer>() {
                Ok(number) => visitor.$visit(number).map_err(|misfit: Misfit| misfit.at(self.0.span)),
                Err(_) => Err(self.misfit(&visitor)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let span = self.0.span;
        let given = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(scalar) => {
                if let Some(truth) = scalar.boolean() {
                    visitor.visit_bool(truth)
                } else if let (true, Ok(number)) = (scalar.is_integer(), scalar.text.parse()) {
                    visitor.visit_i64(number)
                } else if let (true, Ok(number)) = (scalar.is_number(), scalar.text.parse()) {
                    visitor.visit_f64(number)
                } else {
                    visitor.visit_str(&scalar.text)
                }
            }
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries::new(entries)),
        };
        given.map_err(|misfit| misfit.at(span))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.scalar(&visitor)?.boolean() {
            Some(truth) => visitor.visit_bool(truth),
            None => Err(self.misfit(&visitor)),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_f32 visit_f32 f32,
        deserialize_f64 visit_f64 f64,
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.0.value {
            Value::Scalar(scalar) => visitor.visit_str(&scalar.text),
            Value::Null => Err(self.misfit(&visitor)),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries::new(entries)),
        }
        .map_err(|misfit: Misfit| misfit.at(self.0.span))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let span = self.0.span;
        let kind = self.0.get("kind").and_then(Node::text);
        let chosen = match &self.0.value {
            Value::Map(_) if name == DOCUMENT => {
                kind.map(|name| Choice { name, content: Some(self.0) })
            }
            Value::Scalar(scalar) => Some(Choice { name: &scalar.text, content: None }),
            Value::Map(entries) => match entries.as_slice() {
                [only] => Some(Choice { name: &only.key, content: Some(&only.value) }),
                _ => None,
            },
            Value::Null | Value::List(_) => None,
        };
        match chosen {
            Some(choice) => visitor.visit_enum(choice),
            None => Err(self.misfit(&visitor)),
        }
        .map_err(|misfit: Misfit| misfit.at(span))
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some(item) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(Reader(item)).map(Some)
    }
}

struct Entries<'a> {
    left: std::slice::Iter<'a, Entry>,
    value: Option<&'a Node>,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        Self { left: entries.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.left.find(|entry| !entry.value.is_null()) else {
            return Ok(None);
        };
        self.value = Some(&entry.value);
        let key: StrDeserializer<'_, Misfit> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|misfit| misfit.at(entry.key_span))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let value = self.value.take().expect("a key comes before its value");
        seed.deserialize(Reader(value))
    }
}

struct Choice<'a> {
    name: &'a str,
    content: Option<&'a Node>,
}

impl<'a, 'de> EnumAccess<'de> for Choice<'a> {
    type Error = Misfit;
    type Variant = Content<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'a>), Misfit> {
        let name: StrDeserializer<'_, Misfit> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.content)))
    }
}

struct Content<'a>(Option<&'a Node>);

impl Content<'_> {
    fn node(&self) -> Result<Reader<'_>, Misfit> {
        let missing = || Misfit::custom("more must be said here than a word");
        self.0.map(Reader).ok_or_else(missing)
    }
}

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self.node()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.node()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.node()?.deserialize_any(visitor)
    }
}

impl Misfit {
    /// The same at `span`, unless it is known better already.
    fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None }
    }
}
