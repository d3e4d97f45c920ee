//! What an evaluation says of places and networks, and what becomes familiar of them.

use serde_json::{Value, json};

use crate::app::{Options, TestApp};

const FRANCE: &str = "193.252.19.3";
const GERMANY: &str = "88.198.0.1";

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_says_where_it_came_from_and_over_what() {
    let app = TestApp::start().await;
    let (browser, site) = (app.browser(), app.site());
    let fields = json!({
        "email": "a@mailinator.com", "phone": "+33012345678",
        "simulate": {"ip": GERMANY, "user_agent": "Mozilla/5.0 HeadlessChrome/140.0.0.0"},
    });
    let told = browser.evaluate("post", fields).await;
    let seen = site.evaluation(&told.evaluation).await;
    let place = &seen["geolocation"];
    assert_eq!((&place["ip"], &place["country_code"]), (&json!(GERMANY), &json!("DE")));
    assert_eq!((&place["country"], &place["asn"], &place["city"]), (&json!("Germany"), &json!(24_940), &Value::Null));
    assert_eq!(place["security"], json!({"hosting": true, "vpn": false, "tor": false, "proxy": null}));
    let checks = &seen["checks"];
    for (name, answer) in [
        ("ip_country", json!("DE")),
        ("ip_asn", json!(24_940)),
        ("ip_is_hosting", json!(true)),
        ("ip_is_vpn", json!(false)),
        ("email_is_disposable", json!(true)),
        ("email_is_webmail", json!(false)),
        ("phone_is_invalid", json!(true)),
        ("is_headless", json!(true)),
        ("is_automated", json!(true)),
        ("is_known_bot", json!(false)),
        ("ip_is_proxy", Value::Null),
    ] {
        assert_eq!(checks[name], answer, "{name} in {checks}");
    }
    assert_eq!(seen["degraded"], json!(["proxy"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_is_new_until_the_user_was_let_in_from_there() {
    let app = TestApp::with(Options::default()).await;
    let site = app.site();
    let from = async |ip: &str| {
        let told = app.browser().evaluate("post", json!({"user": "ada", "simulate": {"ip": ip}})).await;
        let seen = site.evaluation(&told.evaluation).await;
        (told.evaluation, seen["checks"]["is_new_country"].clone(), seen["checks"]["is_new_asn"].clone())
    };
    let are = |is_new: bool| (json!(is_new), json!(is_new));
    for (ip, is_new) in [(FRANCE, true), (FRANCE, false), (GERMANY, true), (FRANCE, false), (GERMANY, false)] {
        let (_, country, asn) = from(ip).await;
        assert_eq!((country, asn), are(is_new), "{ip}");
    }
    // What turned out to be fraud makes nothing familiar.
    let (evaluation, ..) = from(GERMANY).await;
    site.post(&format!("/v3/evaluations/{evaluation}/feedback"), &json!({"label": "fraud"})).await.expect(204);
    let (_, country, asn) = from(GERMANY).await;
    assert_eq!((country, asn), are(true));
    let (_, country, asn) = from("127.0.0.1").await;
    assert_eq!((country, asn), (Value::Null, Value::Null));
}
