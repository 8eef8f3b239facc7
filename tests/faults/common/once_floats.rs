//! `once = key`: a result with floats is the same for every caller, bit by bit.

use std::collections::BTreeMap;

use dbop::{Tx, transactional};
use serde::{Deserialize, Serialize};

use super::Database;
use super::once::{Trouble, open};

/// A float in each place where serde reads in another way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Measured {
    wide: f64,
    narrow: f32,
    maybe: Option<f64>,
    by_name: BTreeMap<String, f64>,
    shape: Shape,
    tagged: Tagged,
    either: Either,
    #[serde(flatten)]
    flat: Flat,
    #[serde(flatten)]
    rest: BTreeMap<String, f32>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Flat {
    deep: (f64, f32),
    text: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Shape {
    Circle(f64),
    Box { width: f32, height: f64 },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "sort")]
enum Tagged {
    Half { of: f64 },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
enum Either {
    Count(i64),
    Share(f64),
    Text(String),
}

fn measured(random: &mut fastrand::Rng) -> Measured {
    let mut wide = || loop {
        let float = f64::from_bits(random.u64(..));
        if float.is_finite() {
            return float;
        }
    };
    let mut narrow = || loop {
        let float = wide() as f32;
        if float.is_finite() {
            return float;
        }
    };
    let narrows = [narrow(), narrow(), narrow(), 0.1];
    let wides = [(); 6].map(|()| wide());
    Measured {
        wide: wides[0],
        narrow: narrows[0],
        maybe: Some(wides[1]),
        by_name: BTreeMap::from([("a".to_owned(), wides[2]), ("~b".to_owned(), -0.0)]),
        shape: match random.bool() {
            true => Shape::Circle(wides[3]),
            false => Shape::Box {
                width: narrows[1],
                height: wides[3],
            },
        },
        tagged: Tagged::Half { of: wides[4] },
        either: match random.u8(..3) {
            0 => Either::Count(random.i64(..)),
            1 => Either::Share(wides[5]),
            _ => Either::Text("~1.5".to_owned()),
        },
        flat: Flat {
            deep: (0.1 + 0.2, narrows[2]),
            text: "~~".to_owned(),
        },
        rest: BTreeMap::from([("~rest".to_owned(), narrows[3])]),
    }
}

#[transactional(once = key)]
async fn measure(
    _tx: &mut Tx<'_, Database>,
    key: i64,
    #[once(skip)] found: Option<Measured>,
) -> Result<Measured, Trouble> {
    Ok(found.expect("only the first call runs"))
}

#[tokio::test]
async fn every_caller_gets_floats_bit_by_bit_as_the_first_call_returned_them() {
    let seed = dbop_tests::seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let db = open().await;
    for key in 0..100 {
        let found = measured(&mut random);
        assert_eq!(
            measure(&*db, key, Some(found.clone())).await.unwrap(),
            found
        );
        let again = measure(&*db, key, None).await.unwrap();
        // `Debug` of a float also tells 0.0 from -0.0.
        assert_eq!(format!("{again:?}"), format!("{found:?}"));
    }
}
