//! Floats in the JSON of a result, which every caller gets back exactly as they were.
//!
//! serde_json reads a number in decimals exactly only with its feature `float_roundtrip`, which would
//! then be on for the whole application. Therefore a float is written as a text, and read by the
//! standard library: `0.1` is stored as `"~0.1"`. The mark is doubled in a text that begins with it:
//! `"~"` is stored as `"~~"`. A float that is not finite is `null`, as serde_json writes it.
//!
//! | written | stored | read |
//! |---|---|---|
//! | `0.1_f64` | `"~0.1"` | `0.1_f64` |
//! | `0.1_f32` | `"~0.10000000149011612"`, because an `f64` holds every `f32` | `0.1_f32` |
//! | `"a"` | `"a"` | `"a"` |
//! | `"~a"` | `"~~a"` | `"~a"` |
//!
//! A value may be read without its type being known, for example in an untagged enum. Texts are
//! read in this way everywhere, so nothing depends on what a type asks for.

mod read;
mod write;

pub(super) use read::from_json;
pub(super) use write::to_json;

/// What a stored float begins with. Neither JSON nor a number begins with this character.
const MARK: char = '~';

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::de::{Deserialize, DeserializeOwned, Deserializer};
    use serde::ser::{Serialize, SerializeMap, SerializeStruct, SerializeTupleVariant, Serializer};

    use super::*;

    #[track_caller]
    fn back<T: Serialize + DeserializeOwned>(value: &T) -> T {
        let json = to_json(value).expect("JSON");
        from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
    }

    #[track_caller]
    fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
        assert_eq!(back(&value), value);
    }

    fn finite(random: &mut fastrand::Rng) -> f64 {
        loop {
            let float = f64::from_bits(random.u64(..));
            if float.is_finite() {
                return float;
            }
        }
    }

    #[test]
    fn every_finite_float_is_read_bit_by_bit_as_it_was_written() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let edges = [0.0, -0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324];
        let any = std::iter::repeat_with(|| finite(&mut random)).take(50_000);
        for float in edges.into_iter().chain(any) {
            assert_eq!(back(&float).to_bits(), float.to_bits(), "{float:e}");
            let narrow = float as f32;
            if narrow.is_finite() {
                assert_eq!(back(&narrow).to_bits(), narrow.to_bits(), "{narrow:e}");
            }
        }
        for _ in 0..50_000 {
            let narrow = f32::from_bits(random.u32(..));
            if narrow.is_finite() {
                assert_eq!(back(&narrow).to_bits(), narrow.to_bits(), "{narrow:e}");
            }
        }
    }

    #[test]
    fn floats_inside_of_other_values_survive() {
        let mut random = fastrand::Rng::new();
        for _ in 0..1000 {
            let (a, b) = (finite(&mut random), finite(&mut random));
            survives((a, Some(b), [a, b], 7_u8));
            survives(vec![Some(a), None, Some(b)]);
            survives(BTreeMap::from(
                [("a", a), ("~b", b)].map(|(k, v)| (k.to_owned(), v)),
            ));
            survives(Shape::Circle(a));
            survives(Shape::Box(a, b));
            survives(Ok::<f64, Vec<f64>>(a));
            survives(Err::<f64, Vec<f64>>(vec![a, b]));
            survives(serde_json::json!({ "a": a, "b": [b, "~", 1, null, true] }));
        }
    }

    #[test]
    fn texts_survive_whatever_they_begin_with() {
        for text in ["", "~", "~~", "~1.5", "~~1.5", "~nan", "1.5", "~é", "null"] {
            survives(text.to_owned());
            survives(BTreeMap::from([(text.to_owned(), text.to_owned())]));
            survives(serde_json::json!({ text: text }));
        }
        survives('~');
        survives(('a', "~".to_owned(), 'é'));
    }

    #[test]
    fn what_is_no_float_survives_too() {
        survives((u128::MAX, i128::MIN, u64::MAX, i64::MIN, true, ()));
        survives(BTreeMap::from([(-3_i64, Some("x".to_owned())), (4, None)]));
        survives(Shape::Nothing);
        survives((Shape::Nothing, vec![Shape::Box(1.0, 2.0)]));
    }

    /// sqlx switches on this type of serde_json's, which keeps a piece of JSON as it is.
    #[test]
    fn a_piece_of_json_is_kept_as_it_is() {
        let raw = "{\"a\": 0.10, \"b\": \"~1\"}";
        let value = serde_json::value::RawValue::from_string(raw.to_owned()).unwrap();
        assert_eq!(back(&vec![value])[0].get(), raw);
    }

    #[test]
    fn a_number_that_was_stored_as_a_number_is_read() {
        assert_eq!(from_json::<f64>("1.5").unwrap(), 1.5);
        assert_eq!(from_json::<f64>("3").unwrap(), 3.0);
        assert_eq!(from_json::<Vec<f32>>("[0.5, 1]").unwrap(), [0.5, 1.0]);
    }

    #[test]
    fn what_is_no_value_of_the_type_is_an_error() {
        for json in ["\"~\"", "\"~x\"", "null", "[]", "\"1.5\"", "\"~1.5\" 2"] {
            assert!(from_json::<f64>(json).is_err(), "{json}");
        }
        assert!(from_json::<String>("\"~1.5\"").is_err());
        let deep = "[".repeat(100_000);
        assert!(from_json::<serde_json::Value>(&deep).is_err());
    }

    #[test]
    fn a_name_that_begins_with_the_mark_is_refused() {
        struct Marked;
        impl Serialize for Marked {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut fields = serializer.serialize_struct("Marked", 1)?;
                fields.serialize_field("~1", &1)?;
                fields.end()
            }
        }
        assert!(to_json(&Marked).is_err());
    }

    /// An enum with the impls that serde derives; dbop depends on serde without its macros.
    #[derive(Debug, PartialEq)]
    enum Shape {
        Nothing,
        Circle(f64),
        Box(f64, f64),
    }

    impl Serialize for Shape {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Nothing => serializer.serialize_unit_variant("Shape", 0, "Nothing"),
                Self::Circle(r) => serializer.serialize_newtype_variant("Shape", 1, "Circle", r),
                Self::Box(a, b) => {
                    let mut sides = serializer.serialize_tuple_variant("Shape", 2, "Box", 2)?;
                    sides.serialize_field(a)?;
                    sides.serialize_field(b)?;
                    sides.end()
                }
            }
        }
    }

    impl<'de> Deserialize<'de> for Shape {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Shapes;
            impl<'de> serde::de::Visitor<'de> for Shapes {
                type Value = Shape;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a shape")
                }

                fn visit_enum<A: serde::de::EnumAccess<'de>>(
                    self,
                    access: A,
                ) -> Result<Shape, A::Error> {
                    use serde::de::VariantAccess;
                    let (name, variant) = access.variant::<String>()?;
                    match &*name {
                        "Nothing" => variant.unit_variant().map(|()| Shape::Nothing),
                        "Circle" => variant.newtype_variant().map(Shape::Circle),
                        _ => variant.tuple_variant(2, Sides),
                    }
                }
            }
            struct Sides;
            impl<'de> serde::de::Visitor<'de> for Sides {
                type Value = Shape;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("two sides")
                }

                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut sides: A,
                ) -> Result<Shape, A::Error> {
                    let a = sides.next_element()?.expect("one");
                    let b = sides.next_element()?.expect("another");
                    Ok(Shape::Box(a, b))
                }
            }
            deserializer.deserialize_enum("Shape", &["Nothing", "Circle", "Box"], Shapes)
        }
    }

    /// A map whose keys are floats.
    struct Keyed(f64);

    impl Serialize for Keyed {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry(&self.0, &1)?;
            map.end()
        }
    }

    impl<'de> Deserialize<'de> for Keyed {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Keys;
            impl<'de> serde::de::Visitor<'de> for Keys {
                type Value = Keyed;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a map")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Keyed, A::Error> {
                    let (key, _) = map.next_entry::<f64, u8>()?.expect("an entry");
                    Ok(Keyed(key))
                }
            }
            deserializer.deserialize_map(Keys)
        }
    }

    #[test]
    fn a_float_that_is_a_key_survives() {
        let mut random = fastrand::Rng::new();
        for _ in 0..1000 {
            let float = finite(&mut random);
            assert_eq!(back(&Keyed(float)).0.to_bits(), float.to_bits());
        }
    }
}
