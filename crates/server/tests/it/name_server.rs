//! A name server over UDP and TCP, with a zone of one domain for each thing that can be said of mail. It counts what it is
//! asked, and holds an answer back for as long as a test wants.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    sync::watch,
    task::JoinSet,
};

const A: u16 = 1;
const MX: u16 = 15;
const AAAA: u16 = 28;

const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;
const TRUNCATED: u16 = 0x0200;

/// What is said: the code, records with their seconds, and for how many seconds it holds that there are none.
#[derive(Debug, Default)]
struct Said {
    code: u16,
    records: Vec<(u16, u32, Vec<u8>)>,
    negative: Option<u32>,
}

fn zone(domain: &str, kind: u16) -> Option<Said> {
    let these = |kind, seconds, data: &[u8]| Said { records: vec![(kind, seconds, data.to_vec())], ..Said::default() };
    let none = |code, seconds| Said { code, negative: Some(seconds), ..Said::default() };
    // Preference 10, `mx.` and the domain that was asked for.
    let server = b"\x00\x0a\x02mx\xc0\x0c";
    Some(match (domain, kind) {
        ("null.example", MX) => these(MX, 600, b"\x00\x00\x00"),
        ("short.example", MX) => these(MX, 1, server),
        ("address.example", A) => these(A, 600, &[192, 0, 2, 1]),
        ("six.example", AAAA) => these(AAAA, 600, &[0x20; 16]),
        ("gone.example", _) => none(NXDOMAIN, 120),
        ("fails.example", _) | ("half.example", A) => Said { code: SERVFAIL, ..Said::default() },
        ("address.example" | "six.example" | "bare.example" | "half.example", _) => none(0, 600),
        ("silent.example", _) => return None,
        (_, MX) => these(MX, 600, server),
        _ => none(0, 600),
    })
}

/// See the module.
#[derive(Debug)]
pub struct NameServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
    open: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl NameServer {
    /// One that answers at once, but for `slow.example`.
    pub async fn start() -> Self {
        // The same port for both: somebody else may have the one of the two.
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (tcp, Arc::new(udp));
            }
        };
        let address = tcp.local_addr().unwrap();
        let (open, gate) = watch::channel(false);
        let asked = Arc::<Mutex<Vec<(String, u16)>>>::default();
        let mut tasks = JoinSet::new();
        let (log, tcp_log) = (Arc::clone(&asked), Arc::clone(&asked));
        tasks.spawn(async move {
            let mut answers = JoinSet::new();
            let mut query = [0; 1_500];
            while let Ok((length, from)) = udp.recv_from(&mut query).await {
                let (udp, query, mut gate) = (Arc::clone(&udp), query[..length].to_vec(), gate.clone());
                let domain = note(&log, &query);
                answers.spawn(async move {
                    if domain == "slow.example" {
                        gate.wait_for(|open| *open).await.unwrap();
                    }
                    let answer = if domain == "long.example" { Some(truncated(&query)) } else { answer(&query) };
                    if let Some(answer) = answer {
                        udp.send_to(&answer, from).await.unwrap();
                    }
                });
            }
        });
        tasks.spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let Ok(length) = stream.read_u16().await else { continue };
                let mut query = vec![0; length.into()];
                stream.read_exact(&mut query).await.unwrap();
                note(&tcp_log, &query);
                if let Some(answer) = answer(&query) {
                    stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
        Self { address, asked, open, _tasks: tasks }
    }

    /// How often it was asked which servers take mail for `domain`.
    pub fn times_asked(&self, domain: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, kind)| asked == domain && *kind == MX).count()
    }

    /// Lets it answer for `slow.example` too.
    pub fn answer_slow_ones(&self) {
        self.open.send_replace(true);
    }
}

fn note(log: &Mutex<Vec<(String, u16)>>, query: &[u8]) -> String {
    let (domain, kind, _) = question(query);
    log.lock().unwrap().push((domain.clone(), kind));
    domain
}

/// The name, the kind of record, and where the question ends (RFC 1035 section 4.1.2).
fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(std::str::from_utf8(&query[at + 1..end]).unwrap().to_lowercase());
        at = end;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

fn truncated(query: &[u8]) -> Vec<u8> {
    message(query, TRUNCATED, &[], None)
}

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let (domain, kind, _) = question(query);
    let said = zone(&domain, kind)?;
    Some(message(query, said.code, &said.records, said.negative))
}

fn message(query: &[u8], flags: u16, records: &[(u16, u32, Vec<u8>)], negative: Option<u32>) -> Vec<u8> {
    let (_, _, end) = question(query);
    let mut message = query[..2].to_vec();
    let counts = [1, u16::try_from(records.len()).unwrap(), u16::from(negative.is_some()), 0];
    for number in [0x8180 | flags].into_iter().chain(counts) {
        message.extend(number.to_be_bytes());
    }
    message.extend(&query[12..end]);
    // An SOA by the root for itself: five numbers, of which the last says for how long there is nothing.
    let soa = |seconds: u32| {
        let mut data = vec![0, 0];
        data.extend([1, 1, 1, 1, seconds].into_iter().flat_map(u32::to_be_bytes));
        (6, seconds, data)
    };
    for (kind, seconds, data) in records.iter().cloned().chain(negative.map(soa)) {
        message.extend(b"\xc0\x0c");
        message.extend(kind.to_be_bytes());
        message.extend(b"\x00\x01");
        message.extend(seconds.to_be_bytes());
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
    }
    message
}
