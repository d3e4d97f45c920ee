//! Phone numbers against their countries' numbering plans, with libphonenumber's metadata compiled in.

use countersign_engine::text::Phone;

/// What the numbering plans say of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whether a number like this can exist.
    pub is_possible: bool,
    /// Whose it is: ISO 3166-1; `None` for numbers of no country, such as satellite phones.
    pub country: Option<String>,
}

/// Reads a number in E.164.
pub fn read(phone: &Phone) -> Reading {
    match phonenumber::parse(None, phone.to_string()) {
        Ok(number) => {
            let is_possible = number.is_valid();
            let country = number.country().id().filter(|_| is_possible);
            Reading { is_possible, country: country.map(|id| id.as_ref().to_owned()) }
        }
        Err(_) => Reading { is_possible: false, country: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_judged_by_their_countrys_plan() {
        for (number, is_possible, country) in [
            ("+33612345678", true, Some("FR")),
            ("+442079460958", true, Some("GB")),
            ("+14155552671", true, Some("US")),
            ("+14165550123", true, Some("CA")),
            ("+819012345678", true, Some("JP")),
            ("+33012345678", false, None),
            ("+1415555267", false, None),
            ("+999123456789", false, None),
        ] {
            let wanted = Reading { is_possible, country: country.map(str::to_owned) };
            assert_eq!(read(&Phone::parse(number).unwrap()), wanted, "{number}");
        }
    }
}
