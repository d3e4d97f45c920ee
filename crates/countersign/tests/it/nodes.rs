//! Several nodes on one database, as processes: some die, some stall, and nobody is honoured twice.

use std::{sync::Arc, time::Duration};

use countersign_postgres_cluster::{Cluster, Durability};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::{
    sync::{RwLock, Semaphore},
    task::JoinSet,
};

use crate::demo::{Demo, client, evaluate, get};

const ROUNDS: usize = 10;
/// Evaluations a round, and clients that race for each.
const EVALUATIONS: usize = 60;
const CLIENTS: usize = 6;

type Nodes = Arc<[RwLock<Demo>; 3]>;

/// A caller who doesn't wait for a node that has stalled.
fn impatient() -> Client {
    drop(client());
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(3));
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Asks one node after the other until one has made an evaluation.
async fn make(http: &Client, nodes: &Nodes, n: usize) -> String {
    for turn in n.. {
        let node = nodes[turn % 3].read().await;
        let asked = http.post(format!("{}/v3/evaluations", node.base)).header("origin", "http://127.0.0.1:1").body(
            serde_json::json!({"client_id": node.client_id, "action": "browse", "user": format!("u{}", n % 17)})
                .to_string(),
        );
        if let Ok(answer) = asked.send().await
            && answer.status() == StatusCode::CREATED
            && let Ok(made) = answer.json::<Value>().await
        {
            return made["evaluation_id"].as_str().unwrap().to_owned();
        }
    }
    unreachable!("it is tried for ever")
}

/// One client's claim, repeated with the same key on one node after the other until one answers; whether it won.
async fn claim(http: &Client, nodes: &Nodes, id: &str, key: usize) -> bool {
    for turn in key.. {
        let node = nodes[turn % 3].read().await;
        let asked = http.post(format!("{}/v3/evaluations/{id}/consume", node.base)).bearer_auth(&node.secret);
        match asked.header("idempotency-key", format!("{id}-{key}")).send().await.map(|answer| answer.status()) {
            Ok(StatusCode::OK) => return true,
            Ok(StatusCode::CONFLICT) => return false,
            // Gone or stalled: the next.
            Err(_) => {}
            Ok(other) => assert_eq!(other, StatusCode::SERVICE_UNAVAILABLE),
        }
    }
    unreachable!("it is tried for ever")
}

/// Makes evaluations and lets clients race for each, until all are claimed; every claim is told to `won`.
async fn race(nodes: Nodes, round: usize, won: Arc<Semaphore>) -> Vec<(String, usize)> {
    let mut races = JoinSet::new();
    for n in 0..EVALUATIONS {
        let (nodes, won) = (Arc::clone(&nodes), Arc::clone(&won));
        races.spawn(async move {
            let http = impatient();
            let id = make(&http, &nodes, round * EVALUATIONS + n).await;
            let mut claims = JoinSet::new();
            for key in 0..CLIENTS {
                let (http, nodes, id) = (http.clone(), Arc::clone(&nodes), id.clone());
                claims.spawn(async move { claim(&http, &nodes, &id, key).await });
            }
            let winners = claims.join_all().await.into_iter().filter(|won| *won).count();
            won.add_permits(1);
            (id, winners)
        });
    }
    races.join_all().await
}

/// Waits until that many more evaluations were decided.
async fn decided(won: &Semaphore, many: usize) {
    won.acquire_many(u32::try_from(many).unwrap()).await.unwrap().forget();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_dies_and_one_that_stalls_lose_nothing_and_honour_nothing_twice() {
    let cluster = Cluster::start(Durability::Processes, &[]).unwrap();
    let url = cluster.database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    // The first makes the folder's key and the project; the others find both.
    Demo::without_limit(folder.path(), Some(&url));
    let start = || Demo::start(folder.path(), Some(&url));
    let nodes: Nodes = Arc::new([start(), start(), start()].map(RwLock::new));
    for round in 0..ROUNDS {
        let won = Arc::new(Semaphore::new(0));
        let disturb = async {
            decided(&won, 10).await;
            nodes[1].read().await.signal("KILL");
            decided(&won, 10).await;
            nodes[2].read().await.signal("STOP");
            // The others go on: what the stalled node holds it holds for a few seconds.
            decided(&won, 20).await;
            nodes[2].read().await.signal("CONT");
            let restarted = start();
            *nodes[1].write().await = restarted;
        };
        let (raced, ()) = tokio::join!(race(Arc::clone(&nodes), round, Arc::clone(&won)), disturb);
        assert_eq!(raced.len(), EVALUATIONS);
        let http = client();
        for (id, winners) in raced {
            assert_eq!(winners, 1, "{id} in round {round}");
            let kept = get(&http, &*nodes[round % 3].read().await, &format!("/v3/evaluations/{id}")).await;
            assert_eq!(kept["consumed"], Value::Bool(true));
        }
    }
    // A node that came back is one like the others.
    let again = evaluate(&client(), &*nodes[1].read().await, "browse", "u1").await.unwrap();
    assert!(again["evaluation_id"].is_string());
}

/// Reads a stream until it says so.
async fn hears(stream: &mut reqwest::Response, wanted: &str) {
    let mut heard = String::new();
    let reading = async {
        while !heard.contains(wanted) {
            let more = stream.chunk().await.unwrap().unwrap();
            heard.push_str(std::str::from_utf8(&more).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_on_one_node_reaches_the_browser_on_another_within_a_second() {
    let cluster = Cluster::start(Durability::Processes, &[]).unwrap();
    let url = cluster.database().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let nodes = [0, 1].map(|_| Demo::start(folder.path(), Some(&url)));
    let http = client();
    let told = evaluate(&http, &nodes[0], "browse", "ada").await.unwrap();
    let token = told["device_token"].as_str().unwrap();
    let ask = |node: &Demo| {
        let query = format!("client_id={}&device_token={token}", node.client_id);
        http.get(format!("{}/v3/devices/events?{query}", node.base)).header("origin", "http://127.0.0.1:1").send()
    };
    let mut stream = ask(&nodes[1]).await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    hears(&mut stream, "retry:").await;
    let detach = serde_json::json!({"client_id": nodes[0].client_id, "device_token": token}).to_string();
    let asked = http.post(format!("{}/v3/devices/detach", nodes[0].base)).header("origin", "http://127.0.0.1:1");
    assert_eq!(asked.body(detach).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let since = std::time::Instant::now();
    hears(&mut stream, "event: logout").await;
    // Twice a second it is looked at; the rest is for a busy machine.
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
}
