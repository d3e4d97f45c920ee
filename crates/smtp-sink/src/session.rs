//! One client's conversation: commands in, replies out (RFC 5321, section 4). Knows the protocol and the limits; not
//! where messages go.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::{Envelope, Limits};

/// Talks with one client until it quits, hangs up or breaks a limit.
pub(crate) async fn run(stream: TcpStream, limits: Limits, deliver: &(dyn Fn(Envelope) + Sync)) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut session = Session { reader: BufReader::new(reader), writer, limits, transaction: None };
    session.reply("220 localhost ESMTP mail sink").await?;
    loop {
        let line = match session.line(limits.command_bytes).await? {
            Line::Complete(line) => line,
            Line::TooLong => {
                session.reply("500 5.5.2 Line too long").await?;
                continue;
            }
            Line::Closed => return Ok(()),
        };
        let command = String::from_utf8_lossy(&line);
        if session.answer(command.trim_end(), deliver).await? == Next::HangUp {
            return Ok(());
        }
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    HangUp,
}

enum Line {
    Complete(Vec<u8>),
    TooLong,
    Closed,
}

struct Transaction {
    from: String,
    to: Vec<String>,
}

struct Session {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    limits: Limits,
    transaction: Option<Transaction>,
}

impl Session {
    async fn answer(&mut self, command: &str, deliver: &(dyn Fn(Envelope) + Sync)) -> io::Result<Next> {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.greet().await?,
            "HELO" => {
                self.transaction = None;
                self.reply("250 localhost").await?;
            }
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => self.data(deliver).await?,
            "RSET" => {
                self.transaction = None;
                self.reply("250 2.0.0 Forgotten").await?;
            }
            "NOOP" => self.reply("250 2.0.0 Still here").await?,
            "VRFY" => self.reply("252 2.5.0 Every address is taken").await?,
            "QUIT" => {
                self.reply("221 2.0.0 Goodbye").await?;
                return Ok(Next::HangUp);
            }
            _ => self.reply("500 5.5.1 Command not recognised").await?,
        }
        Ok(Next::Continue)
    }

    async fn greet(&mut self) -> io::Result<()> {
        self.transaction = None;
        let size = self.limits.message_bytes;
        self.reply(&format!("250-localhost\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-PIPELINING\r\n250 SIZE {size}")).await
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if self.transaction.is_some() {
            return self.reply("503 5.5.1 A message is already begun").await;
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.reply("501 5.5.4 MAIL FROM:<address> expected").await;
        };
        if announced_size(parameters).is_some_and(|size| size > self.limits.message_bytes) {
            return self.reply("552 5.3.4 Message too big").await;
        }
        self.transaction = Some(Transaction { from: from.to_owned(), to: Vec::new() });
        self.reply("250 2.1.0 Sender taken").await
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        let Some(transaction) = &mut self.transaction else {
            return self.reply("503 5.5.1 MAIL comes first").await;
        };
        let Some((to, _)) = path(rest, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return self.reply("501 5.5.4 RCPT TO:<address> expected").await;
        };
        if transaction.to.len() >= self.limits.recipients {
            return self.reply("452 4.5.3 Too many recipients").await;
        }
        transaction.to.push(to.to_owned());
        self.reply("250 2.1.5 Recipient taken").await
    }

    async fn data(&mut self, deliver: &(dyn Fn(Envelope) + Sync)) -> io::Result<()> {
        let Some(Transaction { from, to }) = self.transaction.take_if(|transaction| !transaction.to.is_empty()) else {
            return self.reply("503 5.5.1 RCPT comes first").await;
        };
        self.reply("354 End with a line holding only a dot").await?;
        match self.content().await? {
            Some(data) => {
                deliver(Envelope { from, to, data });
                self.reply("250 2.0.0 Kept").await
            }
            None => self.reply("552 5.3.4 Message too big").await,
        }
    }

    /// Reads to the closing dot whatever the size, since the client speaks until then; `None` when it was too much.
    async fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut data = Vec::new();
        let mut fits = true;
        loop {
            match self.line(self.limits.message_bytes).await? {
                Line::Closed => return Err(io::ErrorKind::UnexpectedEof.into()),
                Line::TooLong => fits = false,
                Line::Complete(line) if line == b".\r\n" || line == b".\n" => return Ok(fits.then_some(data)),
                Line::Complete(line) => {
                    // RFC 5321, section 4.5.2: a line that begins with a dot was sent with one more.
                    let line = line.strip_prefix(b".").unwrap_or(&line);
                    fits = fits && data.len() + line.len() <= self.limits.message_bytes;
                    if fits {
                        data.extend_from_slice(line);
                    }
                }
            }
        }
    }

    /// One line with its end. A longer one is read to its end and thrown away, in pieces no bigger than `most`.
    async fn line(&mut self, most: usize) -> io::Result<Line> {
        let idle = self.limits.idle;
        timeout(idle, bounded_line(&mut self.reader, most))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn reply(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(format!("{text}\r\n").as_bytes()).await
    }
}

async fn bounded_line(reader: &mut (impl AsyncBufRead + Unpin), most: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let read = (&mut *reader).take(most as u64).read_until(b'\n', &mut line).await?;
        if line.ends_with(b"\n") {
            return Ok(if too_long { Line::TooLong } else { Line::Complete(line) });
        }
        if read < most {
            return Ok(Line::Closed);
        }
        too_long = true;
        line.clear();
    }
}

/// `FROM:<a@b> SIZE=10` with keyword `FROM:` → (`a@b`, ` SIZE=10`).
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    tail.trim_start().strip_prefix('<')?.split_once('>')
}

fn announced_size(parameters: &str) -> Option<usize> {
    let size = parameters.split_ascii_whitespace().find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.eq_ignore_ascii_case("SIZE").then_some(value)
    });
    // A size that is no number is as good as too big.
    size.map(|value| value.parse().unwrap_or(usize::MAX))
}
