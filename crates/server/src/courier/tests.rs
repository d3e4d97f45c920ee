//! The transports against real servers on loopback sockets: the mail sink, a scripted mail server for misbehaviour, and
//! axum in the place of Twilio and of a hook.

mod mail;
mod sms;

use super::{Courier, CourierConfig, Outgoing, SendErrorKind};

/// 2026-11-23T04:30:00.250Z.
const NOW_MS: i64 = 1_795_408_200_250;

fn courier(toml: &str) -> Courier {
    Courier::from_config(&config(toml)).unwrap()
}

fn config(toml: &str) -> CourierConfig {
    toml::from_str(toml).unwrap()
}

fn email(to: &'static str) -> Outgoing<'static> {
    Outgoing::Email {
        id: "chl_01-1",
        to,
        subject: "Your code for the Café",
        text: "Your code is 123456.\n.\nA line of one dot.",
        html: "<p>Your code is <b>123456</b>.</p>",
    }
}

fn sms() -> Outgoing<'static> {
    Outgoing::Sms {
        id: "chl_01-1",
        to: "+33612345678",
        text: "123456 is your code & more",
        report_to: "https://cs.example/deliveries/1",
    }
}

fn config_error(toml: &str) -> String {
    Courier::from_config(&config(toml)).unwrap_err().to_string()
}

#[tokio::test]
async fn a_channel_that_is_not_set_up_says_so_and_is_not_tried_again() {
    let courier = courier("");
    for (message, section) in [(email("bob@shop.example"), "[mail]"), (sms(), "[sms]")] {
        let error = courier.send(&message, NOW_MS).await.unwrap_err();
        assert_eq!((error.retryable, error.kind), (false, SendErrorKind::NotConfigured));
        assert!(error.what.contains(section), "{error}");
    }
}

#[test]
fn settings_that_cannot_work_name_their_place_and_the_remedy() {
    let mail = |settings: &str| config_error(&format!("[mail]\nfrom = \"a@b.example\"\n{settings}"));
    assert!(mail("smtp = \"smtp://mail.example\"").starts_with("mail.smtp: smtp:// is unencrypted"));
    assert!(mail("smtp = \"https://mail.example\"").starts_with("mail.smtp: must begin with"));
    assert!(mail("smtp = \"smtps://a:b@mail.example\"").contains("mail.username"));
    assert!(mail("smtp = \"smtps://mail.example\"\nusername = \"a\"").starts_with("mail.password: is missing"));
    assert!(mail("smtp = \"smtps://mail.example\"\ntimeout_seconds = 0").contains("1 to 300"));
    let from = "[mail]\nsmtp = \"smtps://mail.example\"\nfrom = \"a@b.example\\r\\nBcc: c@d.example\"";
    assert!(config_error(from).starts_with("mail.from: "));
    let twilio = "[sms]\nprovider = \"twilio\"\naccount_sid = \"AC1\"\nauth_token = \"t\"\n";
    assert!(config_error(twilio).contains("exactly one"));
    assert!(config_error(&twilio.replace("AC1", "../x")).starts_with("sms.account_sid"));
    let hook = "[sms]\nprovider = \"hook\"\nurl = \"https://gateway.example\"\nsecret = \"hush\"";
    assert!(config_error(hook).contains("whsec_"));
}

#[test]
fn unknown_settings_are_refused() {
    assert!(toml::from_str::<CourierConfig>("[mail]\nsmtp = \"smtps://a\"\nfrom = \"a@b\"\nfrmo = \"x\"").is_err());
    assert!(
        toml::from_str::<CourierConfig>("[sms]\nprovider = \"hook\"\nurl = \"https://a\"\nsecert = \"x\"").is_err()
    );
    assert!(toml::from_str::<CourierConfig>("[sms]\nprovider = \"pigeon\"").is_err());
}

#[test]
fn secrets_and_messages_do_not_print() {
    let toml = "[mail]\nsmtp = \"smtps://a.example\"\nfrom = \"a@b.example\"\nusername = \"u\"\npassword = \"hush-mail\"\n\
                [sms]\nprovider = \"twilio\"\naccount_sid = \"AC1\"\nauth_token = \"hush-sms\"\nfrom = \"+1\"";
    let printed = format!("{:?} {:?} {:?}", config(toml), email("bob@shop.example"), sms());
    for secret in ["hush", "bob@", "123456", "+336"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[tokio::test]
async fn built_transports_do_not_print_their_secrets_either() {
    let toml = "[mail]\nsmtp = \"smtp://127.0.0.1\"\nfrom = \"a@b.example\"\nusername = \"u\"\npassword = \"hush-mail\"\n\
                [sms]\nprovider = \"twilio\"\naccount_sid = \"AC1\"\nauth_token = \"hush-sms\"\nfrom = \"+1\"";
    assert!(!format!("{:?}", courier(toml)).contains("hush"));
}

#[tokio::test]
async fn an_id_that_would_need_quoting_is_refused() {
    for id in ["", "a b", "a\r\nBcc: x@y.example", "a>b", &"x".repeat(129)] {
        let message = Outgoing::Sms { id, to: "+1", text: "x", report_to: "" };
        let error = courier("").send(&message, NOW_MS).await.unwrap_err();
        assert_eq!((error.retryable, error.kind), (false, SendErrorKind::Message));
    }
}
