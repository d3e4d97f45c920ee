//! Numbers as few bytes: what the compact rows of state are written with. Knows nothing of what they mean.

use alloc::vec::Vec;

/// LEB128.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// What [`put`] wrote; `None` when the bytes end before it does.
pub(crate) fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A number that may be negative: small ones of either sign are few bytes.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
}

/// What [`put_signed`] wrote.
pub(crate) fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    take(rest).map(|value| (value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

/// Bytes and how many they are.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(bytes);
}

/// What [`put_bytes`] wrote.
pub(crate) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for value in [0, 1, -1, 63, -64, 64, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            put_bytes(&mut out, b"ada");
            let mut rest = out.as_slice();
            assert_eq!((take_signed(&mut rest), take_bytes(&mut rest)), (Some(value), Some(&b"ada"[..])));
            assert_eq!((take(&mut rest), take_bytes(&mut &[5, 1][..])), (None, None));
        }
    }
}
