//! Many browsers that hold an event stream open on one node: what each costs in memory, and how soon one of them hears that
//! it was logged out, while all the others go on coming and going.
//!
//! Streams come from several loopback addresses, as those of many people would from several networks; a stream that ends is
//! opened again, as a browser does: over a new connection, or over the same one where the server ends TLS itself and speaks
//! HTTP/2.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::Request;
use bytes::Bytes;
use clap::Args;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    connection::Connection,
    error::{BenchError, excerpt},
    secure::Secure,
    subject::{Product, Subject},
    traffic::Evaluated,
};

/// What browsers evaluate: nothing that is challenged.
const ACTION: &str = "browse";
/// Streams from one address: fewer than a node lets one address have.
const PER_ADDRESS: u32 = 400;
/// A log-out that takes longer than this was lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// Every stream has come back once after this: they live 45 seconds at most.
const ROUND: Duration = Duration::from_secs(50);

/// What to hold, and how often to log out.
#[derive(Debug, Args)]
pub struct StreamsOptions {
    /// The program to measure; without it, the `countersign` beside this program.
    #[arg(long, value_name = "PATH")]
    countersign: Option<PathBuf>,
    /// How many streams.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    streams: u32,
    /// How many log-outs, once all are open and once more after all have come back.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    logouts: u32,
    /// Where the database goes while this runs.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Has the server end TLS, and holds each stream over HTTP/2, as browsers would without a proxy.
    #[arg(long)]
    tls: bool,
    /// Leaves out the second round: a look rather than a measurement.
    #[arg(long)]
    quick: bool,
}

/// A browser: its number and its token.
type Device = (u32, Arc<str>);

/// Whom a stream is held for.
#[derive(Clone)]
struct Holder {
    address: SocketAddr,
    secure: Option<Secure>,
    client_id: Arc<str>,
    origin: Arc<str>,
    tell: mpsc::UnboundedSender<Heard>,
}

/// What a stream says.
enum Heard {
    /// It is open.
    Open,
    /// That browser was logged out.
    LoggedOut(u32, Instant),
}

/// Measures, and prints what came of it.
pub async fn run(options: &StreamsOptions) -> Result<(), BenchError> {
    let scratch = options.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = TempDir::with_prefix_in("countersign-streams-", scratch)?;
    let data = scratch.path().join("data");
    let product = Product { path: options.countersign.as_ref(), data: &data, database: None };
    let mut subject = Subject::product(product, 1, ACTION).await?;
    let address = *subject.addresses.first().ok_or(BenchError::BadAnswer("no address"))?;
    let devices = devices(&subject, address, options.streams).await?;
    let mut secure = None;
    if options.tls {
        let (secured, how) = subject.secured(product, ACTION).await?;
        (subject, secure) = (secured, Some(how));
    }
    let measured = measure(options, &subject, (address, secure), &devices).await;
    subject.kill().await?;
    println!("{}", measured?);
    Ok(())
}

async fn measure(
    options: &StreamsOptions,
    subject: &Subject,
    (address, secure): (SocketAddr, Option<Secure>),
    devices: &[Device],
) -> Result<String, BenchError> {
    let (client_id, origin) = subject.traffic.caller();
    let (tell, mut told) = mpsc::unbounded_channel();
    let holder = Holder { address, secure, client_id: client_id.into(), origin: origin.into(), tell };
    // Dropped at the end, and everybody with it.
    let mut holders = JoinSet::new();
    let before = resident(subject)?;
    let begun = Instant::now();
    for device in devices {
        holders.spawn(hold(holder.clone(), device.clone()));
    }
    let mut open = 0;
    while open < options.streams {
        open += u32::from(matches!(told.recv().await, Some(Heard::Open)));
    }
    let opened = begun.elapsed();
    sleep(Duration::from_secs(2)).await;
    let each = resident(subject)?.saturating_sub(before) / u64::from(options.streams);
    let mut lines = format!(
        "{} streams open after {:.1} s; {} MB before, {}.{} KB each\n",
        options.streams,
        opened.as_secs_f64(),
        before / 1_000_000,
        each / 1000,
        each % 1000 / 100,
    );
    let rounds: &[&str] = if options.quick { &["all open"] } else { &["all open", "after all have come back"] };
    for (round, name) in rounds.iter().enumerate() {
        if round > 0 {
            sleep(ROUND).await;
        }
        let (median, worst) = log_outs(&holder, devices, (round, options), &mut told).await?;
        let count = options.logouts;
        let heard = format!("heard after {median} ms (median), {worst} ms (worst), by nobody else");
        lines.extend([name, ": ", &count.to_string(), " log-outs ", &heard, "\n"]);
    }
    Ok(lines)
}

fn resident(subject: &Subject) -> Result<u64, BenchError> {
    Ok(subject.memory()?.unwrap_or_default().resident)
}

/// So many browsers, each of a user of its own.
async fn devices(subject: &Subject, address: SocketAddr, count: u32) -> Result<Vec<Device>, BenchError> {
    let mut devices = Vec::new();
    let mut connection = Connection::open(address).await?;
    let (mut body, mut request) = (Vec::new(), Vec::new());
    for user in 0..count {
        subject.traffic.write_evaluation(user, &mut body, &mut request);
        let answer = connection.exchange(&request).await?;
        let unexpected = || BenchError::Unexpected { request: "POST /v3/evaluations", body: excerpt(answer.body) };
        let evaluated: Evaluated<'_> = serde_json::from_slice(answer.body).map_err(|_| unexpected())?;
        devices.push((user, evaluated.device_token.ok_or_else(unexpected)?.into()));
    }
    Ok(devices)
}

/// Logs browsers out one after the other: the median and the worst time until the right one heard, in milliseconds.
async fn log_outs(
    holder: &Holder,
    devices: &[Device],
    (round, options): (usize, &StreamsOptions),
    told: &mut mpsc::UnboundedReceiver<Heard>,
) -> Result<(u128, u128), BenchError> {
    let mut times = Vec::new();
    // Spread over all of them, and others in each round.
    let step = (devices.len() / (options.logouts as usize * 2)).max(1);
    for (number, token) in devices.iter().skip(round).step_by(step * 2).take(options.logouts as usize) {
        let begun = Instant::now();
        detach(holder, token).await?;
        let wanted = async {
            loop {
                match told.recv().await {
                    Some(Heard::LoggedOut(who, at)) if who == *number => return Ok(at),
                    Some(Heard::LoggedOut(..)) => {
                        return Err(BenchError::BadAnswer("a log-out reached another browser"));
                    }
                    Some(Heard::Open) => {}
                    None => return Err(BenchError::BadAnswer("no stream is left")),
                }
            }
        };
        let late = |_| BenchError::TooSlow { phase: "a log-out".to_owned(), limit: PATIENCE };
        let at = timeout(PATIENCE, wanted).await.map_err(late)??;
        times.push(at.duration_since(begun).as_millis());
    }
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok((median, times.last().copied().unwrap_or_default()))
}

async fn detach(holder: &Holder, token: &str) -> Result<(), BenchError> {
    let Holder { address, client_id, origin, .. } = holder;
    let body = format!(r#"{{"client_id":"{client_id}","device_token":"{token}"}}"#);
    let length = body.len();
    let (status, body) = if let Some(secure) = &holder.secure {
        let mut line = secure.open(connect(*address, 0).await?).await?;
        let request = holder.request("POST", "/v3/devices/detach", secure).header("content-type", "text/plain");
        let (status, _) = line.ask(request.body(()).map_err(|_| UNSENDABLE)?, body.into()).await?;
        (status, String::new())
    } else {
        let request = format!(
            "POST /v3/devices/detach HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut connection = Connection::open(*address).await?;
        let answer = connection.exchange(request.as_bytes()).await?;
        (answer.status, excerpt(answer.body))
    };
    match status {
        204 => Ok(()),
        status => Err(BenchError::Refused { request: "POST /v3/devices/detach", status, body }),
    }
}

const UNSENDABLE: BenchError = BenchError::BadAnswer("a request that can't be sent");

impl Holder {
    fn request(&self, method: &str, path: &str, secure: &Secure) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}{path}", secure.url));
        request.header("origin", self.origin.as_ref())
    }

    fn path(&self, ear: &Ear, token: &str) -> String {
        let Self { client_id, .. } = self;
        format!("/v3/devices/events?client_id={client_id}&device_token={token}&last_event_id={}", ear.told)
    }
}

/// Holds a browser's stream open, again and again.
async fn hold(holder: Holder, device: Device) {
    // Not all at once: a node takes only so many new connections at a time.
    sleep(Duration::from_micros(u64::from(device.0) * 300)).await;
    let mut ear = Ear { number: device.0, tell: holder.tell.clone(), told: 0, text: String::new(), is_open: false };
    loop {
        // As a browser does: whatever ended it, it comes back after a second.
        let _ = match &holder.secure {
            Some(secure) => listen_securely(&holder, secure, &device.1, &mut ear).await,
            None => listen(&holder, &device.1, &mut ear).await,
        };
        sleep(Duration::from_secs(1)).await;
    }
}

/// Reads one stream to its end.
async fn listen(holder: &Holder, token: &str, ear: &mut Ear) -> Result<(), BenchError> {
    let Holder { address, origin, .. } = holder;
    let mut stream = connect(*address, ear.number).await?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\nAccept: text/event-stream\r\n\
         Connection: close\r\n\r\n",
        holder.path(ear, token)
    );
    stream.write_all(request.as_bytes()).await?;
    ear.begin();
    let mut bytes = [0; 1024];
    loop {
        let read = stream.read(&mut bytes).await?;
        if read == 0 {
            return Ok(());
        }
        ear.hear(bytes.get(..read).unwrap_or_default());
    }
}

/// Reads one stream after the other over one connection, for as long as that holds.
async fn listen_securely(holder: &Holder, secure: &Secure, token: &str, ear: &mut Ear) -> Result<(), BenchError> {
    let mut line = secure.open(connect(holder.address, ear.number).await?).await?;
    loop {
        let request = holder.request("GET", &holder.path(ear, token), secure).header("accept", "text/event-stream");
        let (_, mut stream) = line.ask(request.body(()).map_err(|_| UNSENDABLE)?, Bytes::new()).await?;
        ear.begin();
        while let Some(bytes) = stream.data().await {
            let bytes = bytes?;
            ear.hear(&bytes);
            stream.flow_control().release_capacity(bytes.len())?;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// What a browser makes of what it is sent.
struct Ear {
    number: u32,
    tell: mpsc::UnboundedSender<Heard>,
    /// The last log-out that it heard of.
    told: i64,
    text: String,
    is_open: bool,
}

impl Ear {
    /// A stream begins.
    fn begin(&mut self) {
        self.text.clear();
        self.is_open = false;
    }

    // Nobody may be listening any more: then nobody wants to know.
    fn hear(&mut self, bytes: &[u8]) {
        self.text.push_str(&String::from_utf8_lossy(bytes));
        if !self.is_open && self.text.contains(": here") {
            self.is_open = true;
            let _ = self.tell.send(Heard::Open);
        }
        if let Some((_, after)) = self.text.split_once("event: logout")
            && let Some((id, _)) = after.split_once("id: ").and_then(|(_, id)| id.split_once('\n'))
        {
            self.told = id.trim().parse().unwrap_or(self.told);
            let _ = self.tell.send(Heard::LoggedOut(self.number, Instant::now()));
            self.text.clear();
        }
    }
}

/// A connection from one of several loopback addresses.
async fn connect(to: SocketAddr, number: u32) -> Result<TcpStream, BenchError> {
    let socket = TcpSocket::new_v4()?;
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)) + number / PER_ADDRESS);
    socket.bind(SocketAddr::from((from, 0)))?;
    Ok(socket.connect(to).await?)
}
