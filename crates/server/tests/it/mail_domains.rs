//! Whether domains take mail, asked of a real name server; and what an evaluation makes of the answer.

use std::{net::SocketAddr, time::Duration};

use countersign_engine::signal::MailDomain::{self, NotAsked, TakesMail, TakesNone, Unknown};
use countersign_server::{config::Config, context::Clock, enrich::mail_domain::MailDomains};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    app::{Options, TestApp},
    name_server::NameServer,
    wire::PATIENCE,
};

const SECOND: i64 = 1_000;

fn load(lines: &str) -> Result<Config, String> {
    Config::load(Some(("test.toml", &format!("[mail_domains]\n{lines}\n"))), []).map_err(|error| error.to_string())
}

/// A look-up that waits for `patience` milliseconds, with a clock that stands.
fn asking(server: SocketAddr, patience: u32, more: &str) -> (MailDomains, Clock) {
    let lines = format!("look_up = true\nresolvers = [\"{server}\"]\ntime_limit_ms = {patience}\n{more}");
    let clock = Clock::at(1_782_907_200_000);
    (MailDomains::open(&load(&lines).unwrap().mail_domains, clock.clone()).unwrap(), clock)
}

#[tokio::test]
async fn every_answer_says_whether_the_domain_takes_mail() {
    let server = NameServer::start().await;
    let (domains, _) = asking(server.address, 2_000, "");
    for (domain, answer) in [
        ("mail.example", TakesMail),
        ("null.example", TakesNone),
        ("address.example", TakesMail),
        ("six.example", TakesMail),
        ("bare.example", TakesNone),
        ("gone.example", TakesNone),
        ("fails.example", Unknown),
        // No server is named, and whether there is an address can't be told.
        ("half.example", Unknown),
        // Too long for a datagram.
        ("long.example", TakesMail),
    ] {
        assert_eq!(domains.ask(domain).await, answer, "{domain}");
    }
}

#[tokio::test]
async fn nobody_is_asked_where_it_is_off() {
    let server = NameServer::start().await;
    let config = load(&format!("resolvers = [\"{}\"]", server.address)).unwrap();
    let domains = MailDomains::open(&config.mail_domains, Clock::System).unwrap();
    assert_eq!(domains.ask("mail.example").await, NotAsked);
    assert_eq!(server.times_asked("mail.example"), 0);
}

#[tokio::test]
async fn no_answer_in_time_is_unknown_and_a_late_one_counts_for_the_next() {
    let server = NameServer::start().await;
    let (domains, _) = asking(server.address, 20, "");
    assert_eq!(domains.ask("silent.example").await, Unknown);
    assert_eq!(domains.ask("slow.example").await, Unknown);
    server.answer_slow_ones();
    assert_eq!(answered(&domains, "slow.example").await, TakesMail);
    assert_eq!(server.times_asked("slow.example"), 1, "the late answer was kept");
}

/// The first answer that there is, each time waited for as long as an evaluation would.
async fn answered(domains: &MailDomains, domain: &str) -> MailDomain {
    let asking = async {
        loop {
            match domains.ask(domain).await {
                Unknown => {}
                answer => return answer,
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_make_one_query() {
    let server = NameServer::start().await;
    let (domains, _) = asking(server.address, 2_000, "");
    let all = join_all((0..100).map(|_| domains.ask("slow.example")));
    let opening = async {
        tokio::time::timeout(PATIENCE, async {
            while server.times_asked("slow.example") == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        server.answer_slow_ones();
    };
    let (answers, ()) = tokio::join!(all, opening);
    assert_eq!(answers, [TakesMail; 100]);
    assert_eq!(server.times_asked("slow.example"), 1);
}

#[tokio::test]
async fn an_answer_holds_as_long_as_its_owner_says_within_bounds() {
    let server = NameServer::start().await;
    let (domains, clock) = asking(server.address, 2_000, "");
    // 600 seconds as it says; 5 minutes at least; what takes none as the zone says.
    for (domain, seconds) in [("mail.example", 600), ("short.example", 300), ("gone.example", 120)] {
        let first = domains.ask(domain).await;
        clock.advance((seconds - 1) * SECOND);
        assert_eq!(domains.ask(domain).await, first, "{domain}");
        assert_eq!(server.times_asked(domain), 1, "{domain} after {seconds} s, less one");
        clock.advance(SECOND);
        assert_eq!(domains.ask(domain).await, first, "{domain}");
        assert_eq!(server.times_asked(domain), 2, "{domain} after {seconds} s");
    }
    // A failure is not asked for again at once, whatever a look-up takes.
    assert_eq!(domains.ask("fails.example").await, Unknown);
    let queries = server.times_asked("fails.example");
    clock.advance(29 * SECOND);
    assert_eq!(domains.ask("fails.example").await, Unknown);
    assert_eq!(server.times_asked("fails.example"), queries);
    clock.advance(SECOND);
    assert_eq!(domains.ask("fails.example").await, Unknown);
    assert!(server.times_asked("fails.example") > queries);
}

#[tokio::test]
async fn only_so_many_look_ups_begin_within_a_second() {
    let server = NameServer::start().await;
    let (domains, clock) = asking(server.address, 2_000, "look_ups_per_second = 3");
    for domain in ["a.example", "b.example", "c.example"] {
        assert_eq!(domains.ask(domain).await, TakesMail, "{domain}");
    }
    assert_eq!(domains.ask("d.example").await, Unknown);
    assert_eq!(domains.ask("a.example").await, TakesMail, "what is known is known");
    clock.advance(SECOND);
    assert_eq!(domains.ask("d.example").await, TakesMail);
    assert_eq!(server.times_asked("d.example"), 1);
}

#[test]
fn settings_that_cannot_be_are_refused_with_their_place() {
    for (lines, place, what) in [
        ("time_limit_ms = 0", "mail_domains.time_limit_ms", "1 to 2000"),
        ("time_limit_ms = 2001", "mail_domains.time_limit_ms", "1 to 2000"),
        ("look_ups_per_second = 0", "mail_domains.look_ups_per_second", "1 or more"),
        ("resolvers = [\"192.0.2.53:0\"]", "mail_domains.resolvers", "ports"),
        ("resolvers = [\"192.0.2.53\"]", "test.toml", "socket address"),
        ("lookup = true", "test.toml:2", "lookup"),
    ] {
        let error = load(lines).unwrap_err();
        assert!(error.starts_with(place) && error.contains(what), "{lines}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_says_what_came_of_it() {
    let server = NameServer::start().await;
    let app = TestApp::with(Options { name_server: Some(server.address), ..Options::default() }).await;
    let site = app.site();
    for (email, invalid, missing) in [
        ("ada@mail.example", json!(false), false),
        ("ada@gone.example", json!(true), false),
        ("ada@null.example", json!(true), false),
        ("ada@fails.example", Value::Null, true),
        ("ada@", json!(true), false),
        ("ada@bücher.example", json!(false), false),
    ] {
        let told = app.browser().evaluate("post", json!({"email": email})).await;
        let seen = site.evaluation(&told.evaluation).await;
        assert_eq!(seen["checks"]["email_is_invalid"], invalid, "{email}");
        let degraded = seen["degraded"].as_array().unwrap();
        assert_eq!(degraded.contains(&json!("mail_domains")), missing, "{email}: {degraded:?}");
    }
    assert_eq!(server.times_asked("xn--bcher-kva.example"), 1, "asked for in its ASCII form");
    // Off, only how it is written counts, and nothing is missing.
    let app = TestApp::start().await;
    let told = app.browser().evaluate("post", json!({"email": "ada@gone.example"})).await;
    let seen = app.site().evaluation(&told.evaluation).await;
    assert_eq!(seen["checks"]["email_is_invalid"], json!(false));
    assert!(!seen["degraded"].as_array().unwrap().contains(&json!("mail_domains")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_name_server_holds_no_evaluation_up() {
    let server = NameServer::start().await;
    let (domains, _) = asking(server.address, 50, "");
    let all = join_all((0..200).map(|n| {
        let domains = domains.clone();
        async move { domains.ask(if n % 2 == 0 { "silent.example" } else { "slow.example" }).await }
    }));
    let answers = tokio::time::timeout(Duration::from_secs(1), all).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == Unknown));
}
