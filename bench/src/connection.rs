//! A keep-alive HTTP/1.1 connection that does the least a client can do: whole requests out, status and body of
//! answers with a `Content-Length` in. It shares the machine's cores with what is measured, so every instruction
//! it saves goes to the server.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::error::BenchError;

/// No answer here is larger; more means that something else is answering.
const LARGEST_ANSWER: usize = 1 << 20;

/// One connection, one request at a time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back. Valid until the next request.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects to a server on this machine.
    pub async fn open(address: SocketAddr) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and waits for the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, BenchError> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (status, head, length) = loop {
            self.receive().await?;
            if let Some(found) = parse_head(&self.received)? {
                break found;
            }
        };
        while self.received.len() < head + length {
            self.receive().await?;
        }
        let body = self.received.get(head..head + length).ok_or(BenchError::BadAnswer("shorter than it says"))?;
        Ok(Answer { status, body })
    }

    async fn receive(&mut self) -> Result<(), BenchError> {
        if self.received.len() > LARGEST_ANSWER {
            return Err(BenchError::BadAnswer("far too long"));
        }
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(BenchError::BadAnswer("the connection was closed")),
            _ => Ok(()),
        }
    }
}

/// Status, length of the head and length of the body, once the head is complete.
fn parse_head(received: &[u8]) -> Result<Option<(u16, usize, usize)>, BenchError> {
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head =
        received.get(..end).and_then(|head| str::from_utf8(head).ok()).ok_or(BenchError::BadAnswer("no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .ok_or(BenchError::BadAnswer("no HTTP/1.1 status"))?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim().parse().map_err(|_| BenchError::BadAnswer("its length is no number")))
        .transpose()?;
    match length {
        Some(length) if length > LARGEST_ANSWER => Err(BenchError::BadAnswer("far too long")),
        Some(length) => Ok(Some((status, end + 4, length))),
        None if status == 204 => Ok(Some((status, end + 4, 0))),
        None => Err(BenchError::BadAnswer("no content-length")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_head_is_read_only_when_complete() {
        let whole = b"HTTP/1.1 201 Created\r\nx: y\r\ncontent-LENGTH: 12\r\n\r\n";
        assert!(parse_head(&whole[..whole.len() - 1]).unwrap().is_none());
        assert_eq!(parse_head(whole).unwrap(), Some((201, whole.len(), 12)));
        assert_eq!(parse_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(), Some((204, 27, 0)));
    }

    #[test]
    fn what_cannot_be_measured_is_an_error() {
        for head in
            ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"]
        {
            assert!(parse_head(head.as_bytes()).is_err(), "{head}");
        }
    }

    #[tokio::test]
    async fn answers_may_come_in_pieces_and_the_connection_is_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 3];
            for pieces in
                [["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 5\r\n\r\nhe", "llo"], ["HTTP/1.1 204 ", "N\r\n\r", "\n"]]
            {
                stream.read_exact(&mut asked).await.unwrap();
                for piece in pieces {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        };
        let client = async {
            let mut connection = Connection::open(address).await.unwrap();
            let first = connection.exchange(b"one").await.unwrap();
            assert_eq!((first.status, first.body), (200, b"hello".as_slice()));
            assert_eq!(connection.exchange(b"two").await.unwrap().status, 204);
            assert!(connection.exchange(b"six").await.is_err(), "a closed connection is an error");
        };
        tokio::join!(server, client);
    }
}
