//! What may be printed of a challenge.

use countersign_engine::challenge::{Channel, Require};

use super::{MINE, challenge, email, email_and_sms, hash, phone, seconds, to_return};

#[test]
fn debug_prints_neither_addresses_nor_hashes() {
    let mut created = challenge(email_and_sms(Require::Any), Some(email()), Some(phone(1)));
    created.origin_url = Some(to_return("https://shop.example/?name=lovelace").to_string());
    let opened = created.open(&MINE, seconds(0)).unwrap();
    let sent = opened.send(&MINE, Channel::Email, hash(opened.id, 0xdead_beef), seconds(0)).unwrap();
    let printed = format!("{sent:?} {:?} {:?}", sent.email, sent.phone);
    for private in ["ada", "example.com", "336", "lovelace", "222", "[1, 1"] {
        assert!(!printed.contains(private), "{private} in {printed}");
    }
    assert!(printed.contains(&sent.id.to_string()), "an operator finds it by its id: {printed}");
}
