//! Mail over TLS against a real server, implicit and by STARTTLS: a certificate that doesn't hold, or no TLS where some was
//! asked for, ends it before an address or a word of the mail is said.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::super::SendErrorKind;
use super::super::config::MailConfig;
use super::{Mail, Mailer};
use crate::outbound::certificates::{Authority, BAD, Certificate};

type Heard = Arc<Mutex<Vec<String>>>;

/// How the server speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Implicit,
    Starttls,
    /// It could once; whoever sits between has taken it out of what it offers.
    Stripped,
}

/// Talks SMTP until the other side goes, or asks for TLS; keeps what it hears.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    greeting: Option<&str>,
    offers: &str,
    heard: &Heard,
) -> std::io::Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    let mut said = greeting.map(str::to_owned);
    loop {
        if let Some(said) = said.take() {
            stream.write_all(said.as_bytes()).await?;
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        heard.lock().unwrap().push(line.trim_end().to_owned());
        said = match line.split_whitespace().next().unwrap_or_default() {
            "EHLO" => Some(format!("250-localhost\r\n{offers}250 8BITMIME\r\n")),
            "STARTTLS" => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(Some(stream.into_inner()));
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while mail != ".\r\n" {
                    mail.clear();
                    stream.read_line(&mut mail).await?;
                }
                Some("250 kept\r\n".to_owned())
            }
            _ => Some("250 fine\r\n".to_owned()),
        };
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, speaks: Speaks, heard: Heard) -> std::io::Result<()> {
    const GREETING: Option<&str> = Some("220 localhost\r\n");
    match speaks {
        Speaks::Implicit => talk(acceptor.accept(stream).await?, GREETING, "", &heard).await.map(|_| ()),
        Speaks::Stripped => talk(stream, GREETING, "", &heard).await.map(|_| ()),
        Speaks::Starttls => {
            let Some(stream) = talk(stream, GREETING, "250-STARTTLS\r\n", &heard).await? else { return Ok(()) };
            talk(acceptor.accept(stream).await?, None, "", &heard).await.map(|_| ())
        }
    }
}

/// Sends a mail to such a server; what came of it, and the commands that the server heard.
async fn send(speaks: Speaks, shown: Certificate) -> (Result<(), SendErrorKind>, Vec<String>) {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (acceptor, heard) = (authority.server(shown), Heard::default());
    let mut server = JoinSet::new();
    let log = Arc::clone(&heard);
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // Whoever is refused may break the connection off.
        let _ = serve(stream, acceptor, speaks, log).await;
    });
    let scheme = if speaks == Speaks::Implicit { "smtps" } else { "smtp+starttls" };
    let config: MailConfig = toml::from_str(&format!(
        "smtp = \"{scheme}://localhost:{port}\"\nfrom = \"no-reply@shop.example\"\ntimeout_seconds = 5"
    ))
    .unwrap();
    let mailer = Mailer::trusting(&config, std::slice::from_ref(&authority.root)).unwrap();
    let (to, text) = ("ada@shop.example", "Your code is 123456.");
    let mail = Mail { id: "1", to, subject: "Your code", text, html: text, now_ms: 0 };
    let sent = mailer.send(mail).await;
    drop(mailer);
    server.join_next().await.unwrap().unwrap();
    let heard = heard.lock().unwrap().clone();
    (sent.map(|_| ()).map_err(|error| error.kind), heard)
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_lets_mail_through() {
    for speaks in [Speaks::Implicit, Speaks::Starttls] {
        let (sent, heard) = send(speaks, Certificate::Good).await;
        assert_eq!(sent, Ok(()), "{speaks:?}");
        assert!(heard.iter().any(|line| line.starts_with("RCPT TO:<ada@")), "{heard:?}");
        let upgrade = heard.iter().position(|line| line == "STARTTLS");
        assert_eq!(upgrade, (speaks == Speaks::Starttls).then_some(1), "before all else: {heard:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_ends_it_before_an_address_is_said() {
    for speaks in [Speaks::Implicit, Speaks::Starttls] {
        for shown in BAD {
            let (sent, heard) = send(speaks, shown).await;
            assert_eq!(sent, Err(SendErrorKind::Connection), "{speaks:?}, {shown:?}");
            assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"), "{heard:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_gets_no_mail() {
    let (sent, heard) = send(Speaks::Stripped, Certificate::Good).await;
    assert_eq!(sent, Err(SendErrorKind::Refused));
    assert!(!heard.iter().any(|line| line.starts_with("MAIL") || line.starts_with("AUTH")), "{heard:?}");
}
