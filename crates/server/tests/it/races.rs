//! What happens at once: claims, guesses and devices that race over sockets of their own.

use std::sync::Arc;

use serde_json::json;
use tokio::{net::TcpStream, sync::Barrier, task::JoinSet};

use crate::{
    app::TestApp,
    wire::{self, Answer, PATIENCE, Request},
};

/// Sends all requests at once, over connections that are open before the first one leaves; answers in their order.
async fn all_at_once(app: &TestApp, requests: Vec<Request>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(requests.len()));
    let (mut sent, address) = (JoinSet::new(), app.address);
    for (n, request) in requests.into_iter().enumerate() {
        let start = Arc::clone(&start);
        sent.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            start.wait().await;
            (n, wire::exchange(stream, &request).await)
        });
    }
    let mut answers = tokio::time::timeout(PATIENCE, sent.join_all()).await.unwrap();
    answers.sort_by_key(|(n, _)| *n);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_concurrent_consumes_one_wins() {
    let app = TestApp::start().await;
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let secret = &app.project.development.secret;
    let claim = Request::new("POST", &format!("/v3/evaluations/{}/consume", told.evaluation)).bearer(secret);
    let answers = all_at_once(&app, vec![claim; 1_000]).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    assert_eq!(won[0].json()["consumed"], true);
    for answer in lost {
        assert_eq!(answer.refused(409, "already_consumed")["consumed_at"], won[0].json()["consumed_at"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_consumes_with_different_keys_one_wins_and_its_repeats_agree() {
    let app = TestApp::start().await;
    let told = app.browser().evaluate("post", json!({"user": "ada"})).await;
    let secret = &app.project.development.secret;
    let path = format!("/v3/evaluations/{}/consume", told.evaluation);
    let claim = |key: usize| Request::new("POST", &path).bearer(secret).header("idempotency-key", format!("k{key}"));
    let answers = all_at_once(&app, (0..100).map(|n| claim(n % 20)).collect()).await;
    let won: Vec<usize> = (0..100).filter(|n| answers[*n].status == 200).collect();
    assert_eq!(won.len(), 5, "each caller with the winning key is told that it won");
    assert!(won.iter().all(|n| n % 20 == won[0] % 20));
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_guesses_never_get_beyond_five_wrong_ones() {
    let app = TestApp::start().await;
    for round in 0..10 {
        let (browser, user) = (app.browser(), format!("user{round}"));
        let told = browser.log_in(&user).await;
        browser.ask_for_code(&told, "email").await;
        let code = app.mail.nth_to(&format!("{user}@example.com"), 1).await.code();
        let csrf = browser.open(&told.page()).await.csrf();
        let guess = |n: usize| {
            let number: usize = code.parse().unwrap();
            let guessed = if n == 7 { code.clone() } else { format!("{:06}", (number + n + 1) % 1_000_000) };
            let path = format!("{}/verify", told.page());
            browser.dress(Request::new("POST", &path)).form(&[("csrf", &csrf), ("code", &guessed)])
        };
        let answers = all_at_once(&app, (0..200).map(guess).collect()).await;
        assert!(answers.iter().all(|answer| answer.status == 303), "{answers:?}");

        let passed = answers.iter().filter(|answer| answer.header("location").unwrap().starts_with("https://")).count();
        let wrong =
            answers.iter().filter(|answer| answer.header("location").unwrap().ends_with("notice=wrong")).count();
        let challenge = app.site().challenge(&told.challenge()).await;
        let attempts = usize::try_from(challenge["verify_attempts"].as_u64().unwrap()).unwrap();
        assert!(wrong <= 5, "{wrong} wrong codes were compared");
        assert_eq!(attempts, wrong + passed, "each try was counted: {challenge}");
        match passed {
            0 => assert_eq!((&challenge["status"], wrong), (&json!("failed"), 5)),
            1 => assert_eq!((&challenge["status"], wrong < 5), (&json!("completed"), true)),
            more => panic!("{more} passed with one code"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_sends_put_one_code_out() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let told = browser.log_in("ada").await;
    let csrf = browser.open(&told.page()).await.csrf();
    let path = format!("{}/send", told.page());
    let send = browser.dress(Request::new("POST", &path)).form(&[("csrf", &csrf), ("channel", "email")]);
    let answers = all_at_once(&app, vec![send; 40]).await;
    let refused = answers.iter().filter(|answer| answer.header("location").unwrap().ends_with("too_soon")).count();
    assert_eq!(refused, 39);
    let code = app.mail.nth_to("ada@example.com", 1).await.code();
    assert!(browser.try_code(&told, &code).await.location().starts_with("https://shop.example/verified"));
    assert_eq!(app.mail.all_to("ada@example.com").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_browsers_that_race_for_the_last_slot_one_gets_it() {
    let app = TestApp::start().await;
    for round in 0..20 {
        let user = format!("user{round}");
        let browsers = [app.browser(), app.browser()];
        let ask = |n: usize| browsers[n].request(&browsers[n].body("play", &json!({"user": user})));
        let answers = all_at_once(&app, vec![ask(0), ask(1)]).await;
        let mut verdicts = Vec::new();
        for answer in answers {
            let id = answer.expect(201)["evaluation_id"].as_str().unwrap().to_owned();
            verdicts.push(app.site().evaluation(&id).await["verdict"].as_str().unwrap().to_owned());
        }
        verdicts.sort();
        assert_eq!(verdicts, ["allow", "deny"]);
        let devices = app.site().get(&format!("/v3/user/{user}/devices")).await.expect(200);
        let attached = devices.as_array().unwrap().iter().filter(|device| device["status"] == "attached").count();
        assert_eq!(attached, 1, "{devices}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_that_open_one_link_at_once_do_not_share_it() {
    let app = TestApp::start().await;
    for round in 0..20 {
        let told = app.browser().log_in(&format!("user{round}")).await;
        let answers = all_at_once(&app, vec![Request::new("GET", &told.page()); 8]).await;
        let holders = answers.iter().filter(|answer| answer.text().contains("name=\"csrf\"")).count();
        assert_eq!(holders, 1);
    }
}
