//! TLS on the way to PostgreSQL: whose certificate is believed, and that nothing travels in the open where it must not.

use std::{path::Path, process::Command};

use countersign_postgres_cluster::{Cluster, Durability};
use countersign_store::{POSTGRES_MIGRATIONS, PostgresOptions, Store};

fn openssl(folder: &Path, arguments: &str) {
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(run.status.success(), "{arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

/// An authority `NAME.pem`, and a certificate of its for `host` (`NAME-server.pem`, `.key`).
fn certificates(folder: &Path, name: &str, host: &str) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -keyout {name}.key -out {name}.pem -days 2 -subj /CN={name}"));
    openssl(folder, &format!("req {key} -keyout {name}-server.key -out {name}.csr -subj /CN=database"));
    std::fs::write(folder.join("names"), format!("subjectAltName={host}")).unwrap();
    let sign = format!("-CA {name}.pem -CAkey {name}.key -CAcreateserial -days 2 -extfile names");
    openssl(folder, &format!("x509 -req -in {name}.csr {sign} -out {name}-server.pem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_verified_and_nothing_travels_in_the_open_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    certificates(path, "ours", "IP:127.0.0.1");
    certificates(path, "another", "IP:127.0.0.1");
    certificates(path, "elsewhere", "DNS:db.example");
    let cluster = Cluster::start(Durability::Processes, &[]).unwrap();
    let url = cluster.database().unwrap();
    let other = Cluster::start(Durability::Processes, &[]).unwrap();
    other.offer_tls(&path.join("elsewhere-server.pem"), &path.join("elsewhere-server.key")).unwrap();
    let other_url = other.database().unwrap();
    let open = async |query: &str| {
        let url = if query.contains("elsewhere") { &other_url } else { &url };
        let url = format!("{url}?{query}");
        Store::connect_with(&url, PostgresOptions::default(), POSTGRES_MIGRATIONS).await
    };
    let refused = async |query: &str| {
        let told = open(query).await.unwrap_err().to_string();
        assert_eq!(told.lines().count(), 1, "{told}");
        told
    };
    let root = |name: &str| format!("sslrootcert={}", path.join(format!("{name}.pem")).display());

    // Where TLS is wanted and not offered, nobody is spoken to.
    assert!(refused(&root("ours")).await.contains("TLS"));
    assert!(refused("sslmode=require").await.contains("TLS"));

    cluster.offer_tls(&path.join("ours-server.pem"), &path.join("ours-server.key")).unwrap();
    let store = open(&root("ours")).await.unwrap();
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE application_name = 'countersign'";
    assert_eq!(cluster.sql("postgres", encrypted).unwrap(), "t");
    store.close().await;
    // The system's authorities don't know it, nor does another one.
    for query in ["sslmode=require".to_owned(), "sslmode=verify-full".to_owned(), root("another")] {
        assert!(refused(&query).await.contains("certificate"));
    }

    // One for another host is none for this.
    let told = refused(&root("elsewhere")).await;
    assert!(told.contains("not valid for name"), "{told}");
}
