//! Where the servers under measurement keep what they are told: files, or databases of their own on a PostgreSQL server that
//! runs already.

use std::{cell::Cell, process};

use tokio_postgres::NoTls;

use crate::error::BenchError;

/// A PostgreSQL server that lends us databases.
#[derive(Debug)]
pub struct Lender {
    /// Its URL, with the name of a database that we don't touch.
    url: String,
    made: Cell<u32>,
}

impl Lender {
    /// `url` names a role that may create databases.
    pub fn new(url: String) -> Self {
        Self { url, made: Cell::new(0) }
    }

    /// What it says it is.
    pub async fn version(&self) -> Result<String, BenchError> {
        let version: String = self.connect().await?.query_one("SHOW server_version", &[]).await?.get(0);
        Ok(format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()))
    }

    /// Makes an empty database; answers its URL.
    pub async fn lend(&self) -> Result<String, BenchError> {
        let name = format!("{}{}", prefix(), self.made.get());
        self.made.set(self.made.get() + 1);
        self.connect().await?.batch_execute(&format!("CREATE DATABASE {name}")).await?;
        let server = self.url.rsplit_once('/').map_or(self.url.as_str(), |(server, _)| server);
        Ok(format!("{server}/{name}"))
    }

    /// Removes every database that was lent.
    pub async fn take_back(&self) -> Result<(), BenchError> {
        let client = self.connect().await?;
        for number in 0..self.made.get() {
            client.batch_execute(&format!("DROP DATABASE IF EXISTS {}{number} WITH (FORCE)", prefix())).await?;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<tokio_postgres::Client, BenchError> {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
        #[expect(clippy::disallowed_methods, reason = "a connection's task ends with the connection")]
        tokio::spawn(connection);
        Ok(client)
    }
}

/// What the names of databases lent by this process begin with.
fn prefix() -> String {
    format!("countersign_bench_{}_", process::id())
}
