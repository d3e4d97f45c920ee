//! `countersign doctor`: says where each data set is from, how old it is, and whether anything is wrong with it; and who is
//! asked about mail domains.

use countersign_server::{
    config::Config,
    context::Clock,
    enrich::{
        data::report::{self, Report},
        mail_domain,
    },
};

use crate::cli::{ConfigSource, Failure};

/// Examines the data sets.
pub fn run(source: &ConfigSource) -> Result<(), Failure> {
    let config = source.load()?;
    let reports = report::of(&config.data, &config.data_dir, Clock::System.now()).map_err(Failure::wrong)?;
    println!("{:20} {:>7} {:>9}  {:16} version", "data set", "age", "entries", "licence");
    for report in &reports {
        println!("{}", line(report));
    }
    println!("{}", mail_domains(&config)?);
    let wrong: Vec<String> = reports
        .iter()
        .filter_map(|report| report.trouble.as_ref().map(|trouble| format!("data.{}: {trouble}", report.name)))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Accident(wrong.join("\ncountersign: "))) }
}

/// Whether and whom the server asks about mail domains. Nobody is asked here.
fn mail_domains(config: &Config) -> Result<String, Failure> {
    if !config.mail_domains.look_up {
        return Ok("mail domains are not looked up".to_owned());
    }
    let servers = mail_domain::servers(&config.mail_domains).map_err(Failure::wrong)?;
    let servers: Vec<String> = servers.iter().map(ToString::to_string).collect();
    Ok(format!("mail domains are looked up at {}", servers.join(", ")))
}

fn line(report: &Report) -> String {
    let age = report.age_days.map_or_else(|| "-".to_owned(), |days| format!("{days} d"));
    let entries = report.entries.map_or_else(|| "-".to_owned(), |entries| entries.to_string());
    let line = format!("{:20} {age:>7} {entries:>9}  {:16} {}", report.name, report.licence, report.version);
    line.trim_end().to_owned()
}
