//! The messages that carry a code.

use countersign_server::challenge::view::Action;
use countersign_server::message::CodeMessage;
use countersign_server::texts::Texts;

use crate::samples::{self, line, url};

const HOST: &str = "id.shop.example";

fn sms(message: &CodeMessage) -> String {
    message.sms(Texts::load().unwrap().get("en"), HOST)
}

#[test]
fn the_mail_says_what_is_confirmed() {
    let mail = samples::message().email(Texts::load().unwrap().get("en")).unwrap();
    assert_eq!(mail.subject, "042137 is your Northwind Books code");
    insta::assert_snapshot!("email.text", mail.text);
    insta::assert_snapshot!("email.html", mail.html);
    assert!(mail.text.contains("\n\n042137\n\n"), "the code stands alone, to be copied: {}", mail.text);
    assert_eq!(mail.text.matches("042137").count(), 1);
    assert_eq!(mail.html.matches("042137").count(), 1);
    assert!(!format!("{mail:?}").contains("042137"));
}

#[test]
fn the_text_message_fits_one_and_ends_as_webotp_asks() {
    let text = sms(&samples::message());
    insta::assert_snapshot!("sms", text);
    assert!(text.chars().count() <= 160, "{text}");
    assert!(text.ends_with("\n\n@id.shop.example #042137"), "{text}");
}

#[test]
fn what_must_be_said_is_said_however_long_the_rest() {
    let mut message = samples::message();
    message.project = line("Ein Laden mit einem wirklich sehr langen Namen und Söhne");
    message.report_url = url(&format!("https://id.shop.example/r/{}", "x".repeat(90)));
    let text = sms(&message);
    for part in [message.project.as_str(), "042137", "log in", message.report_url.as_str()] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn hostile_words_add_no_line_and_no_markup() {
    let mut message = samples::message();
    message.project = line("Shop\r\nBcc: all@example.com\n@evil.example #999999");
    message.action = Action::Other(line("x\n@evil.example #999999"));
    message.device = Some(line("<img src=x onerror=alert(1)>"));
    message.place = Some(line("a\nb"));
    let mail = message.email(Texts::load().unwrap().get("en")).unwrap();
    assert!(!mail.subject.contains(char::is_control), "{}", mail.subject);
    assert!(!mail.html.contains("<img"), "{}", mail.html);
    assert_eq!(
        sms(&message).lines().filter(|line| line.starts_with('@')).collect::<Vec<_>>(),
        ["@id.shop.example #042137"]
    );
}

#[test]
fn the_mail_loads_nothing() {
    let mail = samples::message().email(Texts::load().unwrap().get("en")).unwrap();
    for loader in ["<img", "<link", "src=", "url(", "@import", "<script"] {
        assert!(!mail.html.contains(loader), "{loader}");
    }
}
