//! One server, started as an operator starts it: a file of settings, a folder of its own, a listener. Only its clock and
//! its source of chance are ours.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use countersign_engine::time::Timestamp;
use countersign_postgres_cluster::Cluster;
use countersign_server::{
    Server,
    config::Config,
    context::{Clock, Ctx, Rng},
    telemetry,
};
use countersign_store::{Operation, Sql, StoreError, Tx};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

use crate::{
    people::{Browser, Site},
    receivers::{HOOK_SECRET, Inbox, receive_mail, receive_sms},
    seed::{KeyPair, Seeded},
    wire::{self, Answer, Request},
};

/// 1 July 2026, noon.
pub const START: i64 = 1_782_907_200_000;

/// How long a delivery that is under way has its message to itself.
const LEASE: i64 = 2 * MINUTE;

/// A minute of the clock.
pub const MINUTE: i64 = 60_000;

/// What a test wants otherwise.
#[derive(Debug, Default)]
pub struct Options {
    /// A mail server of the test's own.
    pub smtp: Option<SocketAddr>,
    /// The settings of SMS, instead of a hook.
    pub sms: Option<String>,
    /// The project's settings, over the usual ones.
    pub settings: Option<Value>,
    /// A file of cities of the operator's own.
    pub cities: Option<Vec<u8>>,
    /// The name server that is asked about mail domains; none: the look-up is off.
    pub name_server: Option<SocketAddr>,
    /// No proxy is trusted: every client comes from the socket's address.
    pub no_proxy: bool,
}

/// Names the database to run all tests on; SQLite where it is not set.
const DATABASE: &str = "COUNTERSIGN_TEST_DATABASE";

/// The setting of a new, empty database, and what it lives in.
fn database() -> (String, Option<(Arc<Cluster>, String)>) {
    match std::env::var_os(DATABASE) {
        None => (String::new(), None),
        Some(kind) => {
            assert_eq!(kind, "postgres", "{DATABASE} must be postgres, or not set");
            let cluster = Cluster::shared().unwrap();
            let url = cluster.database().unwrap();
            (format!("database = \"{url}\"\n"), Some((cluster, url)))
        }
    }
}

/// A running server with everything around it.
#[derive(Debug)]
pub struct TestApp {
    pub address: SocketAddr,
    pub clock: Clock,
    pub mail: Inbox,
    pub sms: Inbox,
    pub project: Seeded,
    pub other: Seeded,
    pub ctx: Ctx,
    pub data: TempDir,
    postgres: Option<(Arc<Cluster>, String)>,
    may_leave_messages: AtomicBool,
    stop: Option<oneshot::Sender<()>>,
    tasks: JoinSet<()>,
}

impl TestApp {
    /// A server with the usual project.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// A server as the test wants it.
    pub async fn with(options: Options) -> Self {
        let (clock, rng) = (Clock::at(START), Rng::seeded(7));
        let (mail, sms) = (Inbox::default(), Inbox::default());
        let data = tempfile::tempdir().unwrap();
        let mut tasks = JoinSet::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let smtp = if let Some(smtp) = options.smtp {
            smtp
        } else {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let smtp = listener.local_addr().unwrap();
            receive_mail(listener, mail.clone(), &mut tasks);
            smtp
        };
        let gateway = receive_sms(sms.clone(), clock.clone(), &mut tasks).await;
        let trusted = if options.no_proxy { "" } else { "\"127.0.0.1/32\"" };
        let hook = || format!("provider = \"hook\"\nurl = \"http://{gateway}/sms\"\nsecret = \"{HOOK_SECRET}\"\n");
        let sms_settings = options.sms.unwrap_or_else(hook);
        let (database, postgres) = database();
        let city = options.cities.map_or("off", |bytes| {
            std::fs::write(data.path().join("city.mmdb"), bytes).unwrap();
            "city.mmdb"
        });
        let mail_domains = options.name_server.map_or_else(String::new, |server| {
            format!("[mail_domains]\nlook_up = true\nresolvers = [\"{server}\"]\ntime_limit_ms = 2000\n")
        });
        let settings = format!(
            "listen = \"{address}\"\npublic_url = \"http://{address}\"\ndata_dir = \"{}\"\ntrusted_proxies = [{trusted}]\n\
             shutdown_seconds = 1\n{database}\
             [mail]\nsmtp = \"smtp://{smtp}\"\nfrom = \"Shop <no-reply@shop.example>\"\ntimeout_seconds = 20\n\
             [sms]\n{sms_settings}allow_private_addresses = true\ntimeout_seconds = 20\n\
             [webhooks]\nallow_private_addresses = true\n\
             [data]\ncity = \"{city}\"\n{mail_domains}",
            data.path().display(),
        );
        let config = Config::load(Some(("test.toml", &settings)), []).unwrap();
        telemetry::metrics();
        let server = Server::open(config, clock.clone(), rng.clone()).await.unwrap();
        let ctx = server.ctx().clone();
        let settings = options.settings.unwrap_or_else(|| json!({"name": "The Shop"}));
        let project = Seeded::new(&ctx.store, &rng, "shop", &settings).await;
        let other = Seeded::new(&ctx.store, &rng, "other", &json!({"name": "Another"})).await;
        ctx.projects.refresh(&ctx.store).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        tasks.spawn(async move {
            let stopped = async move {
                // Told to, or left behind: either way it is over.
                let _ = stopped.await;
            };
            server.serve(listener, stopped).await.unwrap();
        });
        let may_leave_messages = AtomicBool::new(false);
        Self {
            address,
            clock,
            mail,
            sms,
            project,
            other,
            ctx,
            data,
            postgres,
            may_leave_messages,
            stop: Some(stop),
            tasks,
        }
    }

    /// Everything that is kept: the files of the data folder, SQLite's among them, and what PostgreSQL holds.
    pub fn kept(&self) -> Vec<u8> {
        let entries = std::fs::read_dir(self.data.path()).unwrap();
        let mut kept: Vec<u8> = entries.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        if let Some((cluster, url)) = &self.postgres {
            kept.extend(cluster.dump(url).unwrap().into_bytes());
        }
        kept
    }

    /// A browser with an address, a machine and cookies of its own.
    pub fn browser(&self) -> Browser<'_> {
        Browser::new(self)
    }

    /// The site's server, with the development secret.
    pub fn site(&self) -> Site<'_> {
        self.site_with(&self.project.development)
    }

    /// The site's server, with another secret.
    pub fn site_with(&self, key: &KeyPair) -> Site<'_> {
        Site { app: self, secret: key.secret.clone() }
    }

    /// Somebody without any credentials. No answer may be an accident of ours.
    pub fn anon(&self, request: Request) -> impl Future<Output = Answer> {
        let address = self.address;
        async move {
            let answer = wire::send(address, &request).await;
            assert!(answer.status < 500, "{request:?}: {answer:?}");
            answer
        }
    }

    /// Moves time on, once every message has left: a delivery that seems to take minutes would be begun again.
    pub async fn pass(&self, ms: i64) {
        assert!(self.all_messages_left().await, "a message is stuck");
        self.jump(ms);
    }

    /// Moves time on, whatever is under way.
    pub fn jump(&self, ms: i64) {
        self.clock.advance(ms);
        // What waits for its time is looked at now, not at the next poll.
        self.ctx.message_written.notify_one();
        self.ctx.events_due.notify_one();
    }

    /// Says that this test means to end with messages that never left.
    pub fn may_leave_messages(&self) {
        self.may_leave_messages.store(true, Ordering::SeqCst);
    }

    /// Stops it as an operator does, and waits for its end.
    pub async fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            let _ = stop.send(());
        }
        tokio::time::timeout(wire::PATIENCE, self.tasks.join_next()).await.unwrap();
    }

    /// Waits until a message was handed over for the `nth` time, not taken, and put off. The courier says so to nobody but
    /// the database.
    pub async fn was_put_off(&self, nth: i64) {
        let wait = async {
            while self.ctx.store.read(PutOff { nth, now: self.clock.now() }).await.unwrap() == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(wire::PATIENCE, wait).await.expect("a message is put off");
    }

    /// Whether every message left, given a moment for the last one to be written off.
    async fn all_messages_left(&self) -> bool {
        for _ in 0..500 {
            match self.ctx.store.read(WaitingMessages).await {
                Ok(1..) => tokio::time::sleep(Duration::from_millis(10)).await,
                // A store that was closed has nothing to say.
                Ok(_) | Err(_) => return true,
            }
        }
        false
    }
}

/// How many messages wait, counted without touching any: the product itself never needs to know.
#[derive(Clone, Copy, Debug)]
struct WaitingMessages;

static WAITING: Sql = Sql::same("SELECT count(*) FROM messages");

impl Operation for WaitingMessages {
    type Out = i64;

    async fn run<T: Tx>(&self, tx: &T) -> Result<i64, StoreError> {
        tx.read(&WAITING, &[]).await?.first().map_or(Ok(0), |row| row.int(0))
    }
}

/// How many messages wait for another try after so many.
#[derive(Clone, Copy, Debug)]
struct PutOff {
    nth: i64,
    now: Timestamp,
}

// One that is under way is leased for longer than any try is put off here.
static PUT_OFF: Sql = Sql::same("SELECT count(*) FROM messages WHERE attempts = $1 AND run_at > $2 AND run_at < $3");

impl Operation for PutOff {
    type Out = i64;

    async fn run<T: Tx>(&self, tx: &T) -> Result<i64, StoreError> {
        let leased = self.now.plus(LEASE);
        let params = [self.nth.into(), self.now.millis().into(), leased.millis().into()];
        tx.read(&PUT_OFF, &params).await?.first().map_or(Ok(0), |row| row.int(0))
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() || self.may_leave_messages.load(Ordering::SeqCst) {
            return;
        }
        let left = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.all_messages_left()));
        assert!(left, "the test ended with messages that were never delivered");
    }
}
