//! What a table comes to: a count and a checksum that don't depend on the order of the rows, computed here, from the
//! values, the same way for every database. Knows no database.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{Row, StoreError, tx::Owned};

/// The count of rows, and the sum of their digests modulo 2^256.
///
/// A sum and not an exclusive or: a row that is there twice doesn't vanish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    rows: u64,
    digests: [u8; 32],
}

impl Sum {
    pub(super) fn add(&mut self, row: &Row) {
        self.rows += 1;
        let digest: [u8; 32] = Sha256::digest(framed(&row.0)).into();
        let mut carry = 0;
        for (sum, more) in self.digests.iter_mut().zip(digest).rev() {
            [carry, *sum] = (u16::from(*sum) + u16::from(more) + u16::from(carry)).to_be_bytes();
        }
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn checksum(&self) -> String {
        self.digests.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string can't fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// Values as bytes: of each its kind, its length, itself. No two different rows read the same.
pub(super) fn framed(values: &[Owned]) -> Vec<u8> {
    let mut out = Vec::new();
    for value in values {
        let integer;
        let (kind, bytes): (u8, &[u8]) = match value {
            Owned::Null => (0, &[]),
            Owned::Int(value) => {
                integer = value.to_be_bytes();
                (1, &integer)
            }
            Owned::Text(text) => (2, text.as_bytes()),
            Owned::Bytes(bytes) => (3, bytes),
        };
        out.push(kind);
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(bytes);
    }
    out
}

/// The values that [`framed`] wrote.
pub(super) fn unframed(bytes: &[u8]) -> Result<Vec<Owned>, StoreError> {
    const WRONG: StoreError = StoreError::Corrupt { what: "the mark of a move" };
    let mut rest = bytes;
    let mut values = Vec::new();
    while let Some((kind, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<8>().ok_or(WRONG)?;
        let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| WRONG)?;
        let (value, after) = after.split_at_checked(length).ok_or(WRONG)?;
        rest = after;
        values.push(match kind {
            0 => Owned::Null,
            1 => Owned::Int(i64::from_be_bytes(value.try_into().map_err(|_| WRONG)?)),
            2 => Owned::Text(String::from_utf8(value.to_vec()).map_err(|_| WRONG)?),
            3 => Owned::Bytes(value.to_vec()),
            _ => return Err(WRONG),
        });
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Owned {
        Owned::Text(value.to_owned())
    }

    fn sum(rows: &[Row]) -> Sum {
        rows.iter().fold(Sum::default(), |mut sum, row| {
            sum.add(row);
            sum
        })
    }

    #[test]
    fn the_order_of_rows_changes_nothing_and_everything_else_does() {
        let row = |values: &[Owned]| Row(values.to_vec());
        let (one, two) = (row(&[text("ab"), text("c")]), row(&[text("a"), text("bc")]));
        assert_eq!(sum(&[one.clone(), two.clone()]), sum(&[two.clone(), one.clone()]));
        let others = [
            row(&[text("ab"), Owned::Bytes(b"c".to_vec())]),
            row(&[text("ab"), Owned::Null]),
            row(&[text("ab"), text("")]),
            row(&[text("ab"), Owned::Int(0)]),
            row(&[text("c"), text("ab")]),
            row(&[text("abc")]),
            two.clone(),
        ];
        for other in others {
            assert_ne!(sum(std::slice::from_ref(&one)), sum(std::slice::from_ref(&other)), "{other:?}");
        }
        let twice = sum(&[one.clone(), one.clone(), two.clone()]);
        assert_ne!(twice.checksum(), sum(&[two]).checksum(), "a row that is there twice doesn't vanish");
    }

    #[test]
    fn a_sum_carries_over() {
        let mut all = Sum { rows: 0, digests: [255; 32] };
        let row = Row(vec![Owned::Null]);
        all.add(&row);
        let digest: [u8; 32] = Sha256::digest(framed(&row.0)).into();
        let mut less = digest;
        less[31] -= 1;
        assert_eq!(all.digests, less, "minus one, and the row");
    }

    #[test]
    fn a_key_is_kept_as_it_is() {
        let key = [Owned::Int(i64::MIN), text("é\n"), Owned::Bytes(vec![0, 255]), Owned::Null, text("")];
        assert!(unframed(&framed(&key)).unwrap() == key);
        assert!(unframed(&framed(&key)[..20]).is_err());
        assert!(unframed(&[9, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
