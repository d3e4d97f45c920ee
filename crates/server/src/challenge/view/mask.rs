//! Addresses, told just well enough for their owner to know them.

/// `j•••@e…`: the first character of each side. Always three dots, so that a short name doesn't show its length. An
/// internationalised domain is masked as it is read, not in its ASCII form.
pub fn mask_email(address: &str) -> String {
    let (local, domain) = address.trim().rsplit_once('@').unwrap_or((address.trim(), ""));
    let (domain, _) = idna::domain_to_unicode(domain);
    format!("{}•••@{}…", initial(local), initial(&domain))
}

/// `•••• 78`: the last two digits.
pub fn mask_phone(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    match digits.as_slice() {
        [.., a, b] if digits.len() > 4 => format!("•••• {a}{b}"),
        _ => "••••".to_owned(), // too short to be a number; show nothing
    }
}

/// The first character that shows.
fn initial(text: &str) -> String {
    text.chars().find(|c| c.is_alphanumeric()).map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_its_initials_only() {
        for (address, masked) in [
            ("jane@example.com", "j•••@e…"),
            ("j@example.com", "j•••@e…"),
            (" Jane.Doe+shop@mail.example.org ", "J•••@m…"),
            ("\"a@b\"@example.com", "a•••@e…"),
            ("émile@example.fr", "é•••@e…"),
            ("jane@xn--bcher-kva.example", "j•••@b…"),
            ("jane@xn--e1afmkfd.xn--p1ai", "j•••@п…"),
            ("用户@例子.中国", "用•••@例…"),
            ("\u{202E}jane@example.com", "j•••@e…"),
            ("no-address", "n•••@…"),
            ("", "•••@…"),
        ] {
            assert_eq!(mask_email(address), masked, "{address}");
        }
    }

    #[test]
    fn a_number_shows_its_last_two_digits() {
        for (number, masked) in
            [("+33612345678", "•••• 78"), ("+1 (415) 555-0100", "•••• 00"), ("12", "••••"), ("", "••••")]
        {
            assert_eq!(mask_phone(number), masked, "{number}");
        }
    }
}
