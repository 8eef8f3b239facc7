//! Checks that a value does not change when it is written as JSON and read back. JSON has a single
//! `null` for `None`, for `()` and for a float that is not finite, and so also for `Some` of each.

use serde::Serialize;
use serde::ser::{self, Error as _, Serializer};
use serde_json::{Error, Result};

/// Returns an error if the value contains a `Some` that would be read back as `None`.
pub(super) fn check(value: &(impl Serialize + ?Sized)) -> Result<()> {
    value.serialize(Nulls).map(drop)
}

/// A serializer that returns for each value whether JSON writes it as `null`.
struct Nulls;

macro_rules! never_null {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method(self, _: $type) -> Result<bool> {
            Ok(false)
        }
    )*};
}

macro_rules! compound {
    ($($method:ident($($arg:ty),*);)*) => {$(
        fn $method(self, $(_: $arg),*) -> Result<Self> {
            Ok(self)
        }
    )*};
}

impl Serializer for Nulls {
    type Ok = bool;
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    never_null! {
        serialize_bool: bool;
        serialize_i8: i8; serialize_i16: i16; serialize_i32: i32; serialize_i64: i64;
        serialize_i128: i128;
        serialize_u8: u8; serialize_u16: u16; serialize_u32: u32; serialize_u64: u64;
        serialize_u128: u128;
        serialize_char: char; serialize_str: &str; serialize_bytes: &[u8];
    }

    fn serialize_f32(self, v: f32) -> Result<bool> {
        Ok(!v.is_finite())
    }

    fn serialize_f64(self, v: f64) -> Result<bool> {
        Ok(!v.is_finite())
    }

    fn serialize_none(self) -> Result<bool> {
        Ok(true)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool> {
        if value.serialize(Self)? {
            return Err(Error::custom(
                "`Some` of what is `null` in JSON is read back as `None`",
            ));
        }
        Ok(false)
    }

    fn serialize_unit(self) -> Result<bool> {
        Ok(true)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<bool> {
        Ok(true)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<bool> {
        Ok(false)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<bool> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<bool> {
        value.serialize(self)?;
        Ok(false)
    }

    compound! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(&'static str, usize);
        serialize_tuple_variant(&'static str, u32, &'static str, usize);
        serialize_map(Option<usize>);
        serialize_struct(&'static str, usize);
        serialize_struct_variant(&'static str, u32, &'static str, usize);
    }
}

macro_rules! parts {
    ($($trait:ident: $method:ident($($arg:ty)?);)*) => {$(
        impl ser::$trait for Nulls {
            type Ok = bool;
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, $(_: $arg,)? value: &T) -> Result<()> {
                value.serialize(Nulls).map(drop)
            }
            fn end(self) -> Result<bool> {
                Ok(false)
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

impl ser::SerializeMap for Nulls {
    type Ok = bool;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<()> {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        value.serialize(Nulls).map(drop)
    }

    fn end(self) -> Result<bool> {
        Ok(false)
    }
}
