//! The whole server, killed in the middle of its work, again and again: what it acknowledged is there when it comes back.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use reqwest::{Client, StatusCode, header};
use serde_json::json;
use tokio::sync::Notify;

use crate::demo::{Demo, client, consume, evaluate, get};

/// What a killed server had acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    evaluations: Vec<String>,
    consumed: Vec<String>,
    /// Challenges, with the wrong codes that were answered.
    attempts: Vec<(String, u64)>,
}

/// Opens a challenge, has a code sent and tries wrong ones, until the server dies; every answered try is counted.
async fn guess(http: &Client, redirect: &str, counted: &mut u64) -> Option<()> {
    let page = http.get(redirect).send().await.ok()?;
    let cookie = page.headers().get(header::SET_COOKIE)?.to_str().ok()?.split(';').next()?.to_owned();
    let html = page.text().await.ok()?;
    let csrf = html.split("name=\"csrf\" value=\"").nth(1)?.split('"').next()?.to_owned();
    let post = |step: &str, form: Vec<(&'static str, String)>| {
        let form = serde_urlencode(&form);
        http.post(format!("{redirect}/{step}"))
            .header(header::COOKIE, cookie.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form)
            .send()
    };
    post("send", vec![("csrf", csrf.clone()), ("channel", "email".into())]).await.ok()?;
    for _ in 0..4 {
        let answer = post("verify", vec![("csrf", csrf.clone()), ("code", "000000".into())]).await.ok()?;
        let location = answer.headers().get(header::LOCATION)?.to_str().ok()?;
        // One in a million codes is 000000: then the challenge is passed, and nothing was wrong.
        if location.ends_with("notice=wrong") {
            *counted += 1;
        }
    }
    Some(())
}

fn serde_urlencode(pairs: &[(&str, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Works on the server until it dies.
async fn work(http: Client, demo: Arc<Demo>, worker: String, log: Arc<Mutex<Acknowledged>>, done: Arc<Progress>) {
    for turn in 0.. {
        let user = format!("{worker}-{turn}");
        let Some(evaluated) = evaluate(&http, &demo, if turn % 4 == 0 { "signup" } else { "browse" }, &user).await
        else {
            return;
        };
        let id = evaluated["evaluation_id"].as_str().unwrap().to_owned();
        log.lock().unwrap().evaluations.push(id.clone());
        done.count();
        if let Some(redirect) = evaluated["redirect"].as_str() {
            let challenge = redirect.rsplit('/').next().unwrap().to_owned();
            let mut counted = 0;
            let alive = guess(&http, redirect, &mut counted).await;
            log.lock().unwrap().attempts.push((challenge, counted));
            if alive.is_none() {
                return;
            }
        } else {
            let Some((status, answer)) = consume(&http, &demo, &id).await else { return };
            assert_eq!((status, &answer["consumed"]), (StatusCode::OK, &json!(true)));
            log.lock().unwrap().consumed.push(id);
        }
        done.count();
    }
}

/// Counts what was acknowledged and rings when it is enough.
#[derive(Debug)]
struct Progress {
    left: AtomicUsize,
    enough: Notify,
}

impl Progress {
    fn count(&self) {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) == Ok(1) {
            self.enough.notify_one();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_acknowledged_is_lost_by_twenty_kills() {
    let folder = tempfile::tempdir().unwrap();
    Demo::without_limit(folder.path(), None);
    let mut seen = (0, 0, 0);
    for round in 0..20 {
        let http = client();
        let demo = Arc::new(Demo::start(folder.path(), None));
        let log = Arc::new(Mutex::new(Acknowledged::default()));
        let done = Arc::new(Progress { left: AtomicUsize::new(40 + round * 13), enough: Notify::new() });
        let mut workers = tokio::task::JoinSet::new();
        for n in 0..8 {
            let (http, demo, log, done) = (http.clone(), Arc::clone(&demo), Arc::clone(&log), Arc::clone(&done));
            workers.spawn(work(http, demo, format!("r{round}w{n}"), log, done));
        }
        done.enough.notified().await;
        // Killed by its process id while the workers go on; they end when their connections break.
        demo.signal("KILL");
        while let Some(ended) = workers.join_next().await {
            ended.unwrap();
        }
        drop(demo);

        let demo = Demo::start(folder.path(), None);
        let log = std::mem::take(&mut *log.lock().unwrap());
        for id in &log.evaluations {
            get(&http, &demo, &format!("/v3/evaluations/{id}")).await;
        }
        for id in &log.consumed {
            assert_eq!(get(&http, &demo, &format!("/v3/evaluations/{id}")).await["consumed"], json!(true));
            assert_eq!(consume(&http, &demo, id).await.unwrap().0, StatusCode::CONFLICT);
        }
        for (challenge, answered) in &log.attempts {
            let kept =
                get(&http, &demo, &format!("/v3/challenges/{challenge}")).await["verify_attempts"].as_u64().unwrap();
            assert!(kept >= *answered, "{answered} tries were answered, {kept} are kept");
        }
        seen = (seen.0 + log.evaluations.len(), seen.1 + log.consumed.len(), seen.2 + log.attempts.len());
    }
    assert!(seen.0 > 1_000 && seen.1 > 300 && seen.2 > 50, "too little was in flight to prove anything: {seen:?}");
}
