//! What an evaluation's record keeps of the checks: their answers in few bytes.
//!
//! Most answers are yes or no, and a name takes twenty times the room of the answer. So the checks that hold are one number, a
//! bit for each by [`Check::number`](super::Check), those that don't are another, both in hexadecimal under `y` and `n`; counts and
//! texts stand under their names. Records of before this, with names throughout, are read as well. For everybody else the
//! answers are a map by name.

use alloc::{
    format,
    string::{String, ToString},
};

use serde::{Deserialize, Deserializer, Serializer, de, ser::SerializeMap};
use serde_json::{Map, Value};

use super::CHECKS;

const HOLD: &str = "y";
const FAIL: &str = "n";

/// Writes the answers.
pub(crate) fn serialize<S: Serializer>(answers: &Map<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
    let (mut hold, mut fail) = (0_u128, 0_u128);
    let mut map = serializer.serialize_map(None)?;
    for (name, answer) in answers {
        let number = CHECKS.iter().find(|check| check.name == name).map(|check| check.number);
        let bit = number.and_then(|number| 1_u128.checked_shl(number.into()));
        match (answer, bit) {
            (Value::Bool(true), Some(bit)) => hold |= bit,
            (Value::Bool(false), Some(bit)) => fail |= bit,
            _ => map.serialize_entry(name, answer)?,
        }
    }
    for (key, bits) in [(HOLD, hold), (FAIL, fail)] {
        if bits != 0 {
            map.serialize_entry(key, &format!("{bits:x}"))?;
        }
    }
    map.end()
}

/// Reads what [`serialize`] wrote. A check that this version doesn't know is left out.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let mut answers = Map::deserialize(deserializer)?;
    for (key, answer) in [(HOLD, true), (FAIL, false)] {
        let Some(written) = answers.remove(key) else { continue };
        let bits = written.as_str().and_then(|text| u128::from_str_radix(text, 16).ok());
        let bits = bits.ok_or_else(|| de::Error::custom("the answers of checks are no number"))?;
        for check in CHECKS {
            if bits.checked_shr(check.number.into()).is_some_and(|rest| rest & 1 == 1) {
                answers.insert(check.name.to_string(), answer.into());
            }
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::ToOwned, vec::Vec};

    use serde_json::json;

    use super::*;

    #[derive(serde::Serialize, Deserialize)]
    struct Record(#[serde(with = "super")] Map<String, Value>);

    #[test]
    fn answers_read_back_as_they_were_written_in_few_bytes() {
        let answers: Map<String, Value> = CHECKS
            .iter()
            .enumerate()
            .map(|(place, check)| {
                let answer = match check.kind {
                    crate::fact::Kind::Bool => (place % 2 == 0).into(),
                    crate::fact::Kind::Number => place.into(),
                    _ => "FR".into(),
                };
                (check.name.to_owned(), answer)
            })
            .collect();
        let written = serde_json::to_string(&Record(answers.clone())).unwrap();
        let Record(read) = serde_json::from_str(&written).unwrap();
        assert_eq!(read, answers);
        let yes_and_no = CHECKS.iter().filter(|check| check.kind == crate::fact::Kind::Bool).count();
        assert!(yes_and_no > 30 && !written.contains("is_new_ip"), "{written}");
    }

    #[test]
    fn older_records_are_read_and_broken_ones_refused() {
        let Record(read) = serde_json::from_value(json!({"is_new_ip": true, "is_headless": false})).unwrap();
        assert_eq!(Value::Object(read), json!({"is_new_ip": true, "is_headless": false}));
        for broken in [json!({"y": "xyz"}), json!({"n": 3}), json!({"y": ""})] {
            assert!(serde_json::from_value::<Record>(broken.clone()).is_err(), "{broken}");
        }
        // A check of a newer version.
        let Record(read) = serde_json::from_value(json!({"y": format!("{:x}", 1_u128 << 127)})).unwrap();
        assert!(read.is_empty());
    }

    #[test]
    fn numbers_fit_and_are_given_once() {
        let mut numbers: Vec<u8> = CHECKS.iter().map(|check| check.number).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.iter().all(|number| *number < 128));
        // Written into records: these stay what they are.
        for (name, number) in [("is_new_user", 0), ("ip_country", 8), ("is_suspended", 37), ("ui_testing", 50)] {
            assert_eq!(super::super::by_name(name).map(|(_, check)| check.number), Some(number), "{name}");
        }
    }
}
