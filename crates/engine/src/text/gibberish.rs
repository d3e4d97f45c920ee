//! Whether a name looks typed at random.
//!
//! Names and words, in whatever language is written with Latin letters, prefer some pairs of letters; keys hit at random don't.
//! [`RARITY`] says how rare each pair is, and a name whose pairs are rare on average is called gibberish. It errs on the
//! side of the person: what is short, or in another script, is never called so.

/// For each letter (row) how rarely each letter (column) follows it, 0 to 9: the negative binary logarithm of its share, less
/// one. Counted over 43,000 given names, family names and words of some 70 languages (those that the package
/// `@faker-js/faker` 9.9.0, MIT, makes its examples from), accents taken off.
const RARITY: [&[u8; 26]; 26] = [
    b"64437645454231758233446855",
    b"15861995277297399258399959",
    b"29492991293489298445489964",
    b"26951865277576299356366955",
    b"45445646464242659133546765",
    b"29991387278379299264399969",
    b"15961744287364289356387948",
    b"18981888287455299464375959",
    b"35243647864342457333658865",
    b"07551877375665279845279987",
    b"17782995295476189345376959",
    b"15642666265256269755358947",
    b"14782788297647249667399958",
    b"26422636254774289732577945",
    b"64446645565232558234324864",
    b"18792594296398239255399969",
    b"39999999399697496967067999",
    b"15542746275554278443367955",
    b"26382883293456348732466963",
    b"28691783286577299353377955",
    b"44333545464232759223856765",
    b"09781999197597399559599969",
    b"17782685196584289537499959",
    b"27382786188758327582467645",
    b"15442666374343359435467976",
    b"16651976195555289754366944",
];

/// Above this mean rarity, in tenths, a name is gibberish: of names that the table had not seen, one in a thousand was; of
/// eight letters drawn at random 85 in 100, of twelve 89.
const RARE_TENTHS: u32 = 44;

/// Fewer pairs of letters than this say nothing.
const FEWEST_PAIRS: u32 = 7;

/// So many changes between letters and digits are no name with a year behind it …
const MANY_CHANGES: usize = 4;
/// … in a name of at least so many characters.
const LONG: usize = 8;

/// Whether `name`, the part of an address before the `@`, looks typed at random.
pub(super) fn is_gibberish(name: &str) -> bool {
    let name = name.split('+').next().unwrap_or_default();
    if !name.is_ascii() {
        return false;
    }
    let (mut rarity, mut pairs) = (0, 0);
    for pair in name.as_bytes().windows(2) {
        if let [first, second] = pair
            && let Some(rare) = rarity_of(*first, *second)
        {
            rarity += rare;
            pairs += 1;
        }
    }
    let looks_random = pairs >= FEWEST_PAIRS && rarity * 10 > RARE_TENTHS * pairs;
    looks_random || (name.len() >= LONG && changes(name.as_bytes()) >= MANY_CHANGES)
}

fn rarity_of(first: u8, second: u8) -> Option<u32> {
    let place = |letter: u8| letter.is_ascii_alphabetic().then(|| usize::from(letter.to_ascii_lowercase() - b'a'));
    let digit = RARITY.get(place(first)?)?.get(place(second)?)?;
    Some(u32::from(digit - b'0'))
}

fn changes(name: &[u8]) -> usize {
    let between = |pair: &&[u8]| match pair {
        [a, b] => (a.is_ascii_digit() && b.is_ascii_alphabetic()) || (a.is_ascii_alphabetic() && b.is_ascii_digit()),
        _ => false,
    };
    name.windows(2).filter(between).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_noise_is_noise() {
        for name in [
            "ada",
            "ada.lovelace",
            "grzegorz.brzeczyszczykiewicz",
            "nguyen.thi.minh.khai",
            "m.krzyzanowski",
            "oluwaseun.adebayo",
            "katherine_johnson1989",
            "schwarzenegger",
            "bjork.gudmundsdottir",
            "xochitl.hernandez",
            "ng",
            "jfk",
            "tswift13",
            "mhmd.alhashimi",
            "support",
            "no-reply",
            "newsletter",
            "accounts.payable",
            "sh2024",
            "zbigniew77",
            "ada+xkqzjvwq",
            "lefebvre",
            "mcmahon",
            "dvorakova",
            "hrvoje.horvat",
            "szczesny",
            "wojciechowski",
            "почта",
            "山田太郎",
        ] {
            assert!(!is_gibberish(name), "{name}");
        }
        for noise in ["xkqzjvwq", "wqzptkxvbn", "hjkdfgqwx.zxcv", "a1b2c3d4", "x7k2qp9w", "qjxzvbkwpf12", "pzrtqvkxlm"]
        {
            assert!(is_gibberish(noise), "{noise}");
        }
    }
}
