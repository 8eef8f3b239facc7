//! How a value is read: as serde_json reads it, except for marked texts.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::MARK;

/// Reads a value from the JSON that [`to_json`](super::to_json) has written.
pub(in crate::once) fn from_json<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Unmarking(&mut reader))?;
    reader.end()?;
    Ok(value)
}

/// What a stored text stands for.
enum Stored<'a> {
    Float(f64),
    Text(&'a str),
}

fn read(stored: &str) -> Stored<'_> {
    let Some(rest) = stored.strip_prefix(MARK) else {
        return Stored::Text(stored);
    };
    match rest.parse() {
        Ok(float) => Stored::Float(float),
        // The first of two marks, unless something else than dbop has written the text.
        Err(_) if rest.starts_with(MARK) => Stored::Text(rest),
        Err(_) => Stored::Text(stored),
    }
}

/// A part of serde's reading that turns marked texts back into floats: a deserializer, a visitor, a
/// seed, or an access to what is inside.
struct Unmarking<T>(T);

macro_rules! ask {
    ($($method:ident as $inner:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(
            self,
            $($arg: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            self.0.$inner($($arg,)* Unmarking(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Unmarking<D> {
    type Error = D::Error;

    ask! {
        deserialize_any as deserialize_any();
        deserialize_bool as deserialize_bool();
        deserialize_i8 as deserialize_i8();
        deserialize_i16 as deserialize_i16();
        deserialize_i32 as deserialize_i32();
        deserialize_i64 as deserialize_i64();
        deserialize_i128 as deserialize_i128();
        deserialize_u8 as deserialize_u8();
        deserialize_u16 as deserialize_u16();
        deserialize_u32 as deserialize_u32();
        deserialize_u64 as deserialize_u64();
        deserialize_u128 as deserialize_u128();
        // A float may be stored as a text, or as a number.
        deserialize_f32 as deserialize_any();
        deserialize_f64 as deserialize_any();
        deserialize_char as deserialize_char();
        deserialize_str as deserialize_str();
        deserialize_string as deserialize_string();
        deserialize_bytes as deserialize_bytes();
        deserialize_byte_buf as deserialize_byte_buf();
        deserialize_option as deserialize_option();
        deserialize_unit as deserialize_unit();
        deserialize_unit_struct as deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct as deserialize_newtype_struct(name: &'static str);
        deserialize_seq as deserialize_seq();
        deserialize_tuple as deserialize_tuple(len: usize);
        deserialize_tuple_struct as deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map as deserialize_map();
        deserialize_struct as deserialize_struct(
            name: &'static str,
            fields: &'static [&'static str]
        );
        deserialize_enum as deserialize_enum(
            name: &'static str,
            variants: &'static [&'static str]
        );
        deserialize_identifier as deserialize_identifier();
        deserialize_ignored_any as deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident($($arg:ident: $type:ty)?);)*) => {$(
        fn $method<E: de::Error>(self, $($arg: $type)?) -> Result<V::Value, E> {
            self.0.$method($($arg)?)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Unmarking<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool(v: bool);
        visit_i8(v: i8);
        visit_i16(v: i16);
        visit_i32(v: i32);
        visit_i64(v: i64);
        visit_i128(v: i128);
        visit_u8(v: u8);
        visit_u16(v: u16);
        visit_u32(v: u32);
        visit_u64(v: u64);
        visit_u128(v: u128);
        visit_f32(v: f32);
        visit_f64(v: f64);
        visit_char(v: char);
        visit_bytes(v: &[u8]);
        visit_borrowed_bytes(v: &'de [u8]);
        visit_byte_buf(v: Vec<u8>);
        visit_none();
        visit_unit();
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<V::Value, E> {
        match read(v) {
            Stored::Float(float) => self.0.visit_f64(float),
            Stored::Text(text) => self.0.visit_str(text),
        }
    }

    fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<V::Value, E> {
        match read(v) {
            Stored::Float(float) => self.0.visit_f64(float),
            Stored::Text(text) => self.0.visit_borrowed_str(text),
        }
    }

    fn visit_string<E: de::Error>(self, v: String) -> Result<V::Value, E> {
        match read(&v) {
            Stored::Float(float) => self.0.visit_f64(float),
            Stored::Text(text) if text.len() < v.len() => self.0.visit_str(text),
            Stored::Text(_) => self.0.visit_string(v),
        }
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Unmarking(inside))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Unmarking(inside))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inside: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Unmarking(inside))
    }

    fn visit_map<A: MapAccess<'de>>(self, inside: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Unmarking(inside))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inside: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Unmarking(inside))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Unmarking<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Unmarking(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Unmarking<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Unmarking(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Unmarking<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Unmarking(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Unmarking(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Unmarking<A> {
    type Error = A::Error;
    type Variant = Unmarking<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(Unmarking(seed))?;
        Ok((value, Unmarking(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Unmarking<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Unmarking(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Unmarking(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Unmarking(visitor))
    }
}
