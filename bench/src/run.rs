//! One run, from the floors to the report: what is measured, in which order, and how it is bounded.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use tempfile::TempDir;

use crate::{
    database::Lender,
    error::BenchError,
    load::{Load, Measured, Span, Work},
    machine::Machine,
    process::Announcement,
    report::{Report, Row},
    subject::{self, Product, Subject},
    traffic::POPULATION,
};

/// Users whose evaluations are made to be consumed: few enough that all but the first of each meets no challenge.
const CONSUMERS: u32 = 1000;

/// What to measure and where.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// The program to measure; without it, the `countersign` beside this program.
    #[arg(long, value_name = "PATH")]
    countersign: Option<PathBuf>,
    /// Measures a server that runs already, instead of starting one. Loopback only.
    #[arg(long, value_name = "URL", conflicts_with = "countersign")]
    base_url: Option<String>,
    /// The client id to use there.
    #[arg(long, value_name = "ID", requires = "base_url")]
    client_id: Option<String>,
    /// The secret to consume with there; without it nothing is consumed.
    #[arg(long, value_name = "SECRET", requires = "base_url", hide_env_values = true)]
    api_secret: Option<String>,
    /// Measures on PostgreSQL, floor (b) included: the URL of a server that runs already, and of a role that may create
    /// databases there. They are removed at the end.
    #[arg(long, value_name = "URL", conflicts_with = "base_url")]
    postgres: Option<String>,
    /// How many nodes share the database.
    #[arg(long, default_value_t = 1, requires = "postgres", value_parser = clap::value_parser!(u16).range(1..=16))]
    nodes: u16,
    /// How many evaluations there are before each measurement, in rising order. They are made over HTTP, like all.
    #[arg(long, value_delimiter = ',', default_value = "0,100000,1000000")]
    earlier: Vec<u64>,
    /// A look rather than a measurement: 2 s a row, with 0 and 20,000 earlier evaluations.
    #[arg(long)]
    quick: bool,
    /// Connections at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// How long each row is measured, after a quarter of that to warm up.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=300))]
    seconds: u16,
    /// How many evaluations are consumed for each row.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    consumes: u32,
    /// The action that is evaluated. One that is always challenged can't be consumed, and ends the run.
    #[arg(long, default_value = "browse")]
    action: String,
    /// The most that making the earlier evaluations may take, for each row.
    #[arg(long, default_value_t = 40, value_name = "MINUTES", value_parser = clap::value_parser!(u16).range(1..=600))]
    fill_limit: u16,
    /// Where the databases go while this runs; the file system has to be a real one.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Adds the results to this file, under the date.
    #[arg(long, value_name = "FILE", requires = "date")]
    markdown: Option<PathBuf>,
    /// Today, for the heading.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<String>,
    /// What was built, for the heading.
    #[arg(long)]
    commit: Option<String>,
}

/// Measures everything, prints the report and adds it to the file.
pub async fn run(options: &RunOptions) -> Result<(), BenchError> {
    if options.base_url.is_some() && options.client_id.is_none() {
        return Err(BenchError::NoClientId);
    }
    let scratch = TempDir::with_prefix_in("countersign-bench-", options.scratch_root())?;
    let mut report = Report::new(Machine::read(scratch.path()), options.date.clone(), options.commit.clone());
    let lender = options.postgres.clone().map(Lender::new);
    report.conditions = options.conditions();
    if let Some(lender) = &lender {
        report.conditions = format!("{}, on {}, {} nodes", report.conditions, lender.version().await?, options.nodes);
    }
    let run = Run { options, scratch, lender };
    let measured = run.measure(&mut report).await;
    if let Some(lender) = &run.lender {
        lender.take_back().await?;
    }
    measured?;
    let text = report.to_markdown();
    println!("{text}");
    if let Some(path) = &options.markdown {
        writeln!(OpenOptions::new().create(true).append(true).open(path)?, "\n{text}")?;
    }
    Ok(())
}

impl RunOptions {
    fn scratch_root(&self) -> PathBuf {
        self.scratch.clone().unwrap_or_else(std::env::temp_dir)
    }

    fn measured(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { self.seconds.into() })
    }

    fn consumes(&self) -> u64 {
        if self.quick { 3000 } else { self.consumes.into() }
    }

    fn levels(&self) -> Vec<u64> {
        let mut levels = if self.quick { vec![0, 20_000] } else { self.earlier.clone() };
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    fn conditions(&self) -> String {
        format!(
            "{} connections, closed loop, {} s a row after {:.1} s of warm-up, {POPULATION} users, action `{}`",
            self.connections,
            self.measured().as_secs(),
            self.measured().as_secs_f64() / 4.0,
            self.action
        )
    }
}

struct Run<'a> {
    options: &'a RunOptions,
    scratch: TempDir,
    lender: Option<Lender>,
}

impl Run<'_> {
    async fn measure(&self, report: &mut Report) -> Result<(), BenchError> {
        self.measure_floors(report).await?;
        self.measure_subject(report).await
    }

    async fn measure_floors(&self, report: &mut Report) -> Result<(), BenchError> {
        for (command, name) in [("floor-a", Row::PARSE), ("floor-b", Row::COMMIT)] {
            let database = subject::lend(self.lender.as_ref()).await?;
            let floor = Subject::floor(command, self.scratch.path(), database, &self.options.action).await?;
            let measured = self.evaluate_for_a_while(&floor, 0).await?;
            report.add(Row { name, earlier: 0, measured });
            floor.kill().await?;
        }
        Ok(())
    }

    async fn measure_subject(&self, report: &mut Report) -> Result<(), BenchError> {
        if self.options.base_url.is_none() {
            progress("starting the product on empty directories");
            let path = self.options.countersign.as_ref();
            report.starts = subject::measure_starts(path, self.scratch.path(), self.lender.as_ref()).await?;
        }
        let database = subject::lend(self.lender.as_ref()).await?;
        let subject = self.start_subject(database.as_deref()).await?;
        report.memory_idle = subject.memory()?;
        let mut made = 0;
        for level in self.options.levels() {
            made += self.fill(&subject, made, level, report).await?;
            made += self.measure_level(&subject, made, report).await?;
        }
        report.memory_loaded = subject.memory()?;
        subject.kill().await?;
        self.measure_restart(database.as_deref(), made, report).await
    }

    /// After all of it the product is killed and started on the same database.
    async fn measure_restart(&self, database: Option<&str>, made: u64, report: &mut Report) -> Result<(), BenchError> {
        if self.options.base_url.is_some() {
            return Ok(());
        }
        let again = self.start_subject(database).await?;
        report.restart = again.ready_after().map(|time| (made, time));
        report.memory_restarted = again.memory()?;
        again.kill().await
    }

    async fn start_subject(&self, database: Option<&str>) -> Result<Subject, BenchError> {
        let options = self.options;
        match &options.base_url {
            None => {
                let data = self.scratch.path().join("product");
                let product = Product { path: options.countersign.as_ref(), data: &data, database };
                Subject::product(product, options.nodes, &options.action).await
            }
            Some(base_url) => {
                let (client_id, api_secret) = (options.client_id.clone(), options.api_secret.clone());
                let announcement = Announcement { base_url: base_url.clone(), client_id, api_secret, shop_url: None };
                Subject::running(&announcement, &options.action)
            }
        }
    }

    /// Measures both calls with `made` evaluations before; returns how many this has added.
    async fn measure_level(&self, subject: &Subject, made: u64, report: &mut Report) -> Result<u64, BenchError> {
        let measured = self.evaluate_for_a_while(subject, made).await?;
        let mut added = measured.answered;
        report.add(Row { name: Row::EVALUATE, earlier: made, measured });
        let Some(api_secret) = &subject.api_secret else { return Ok(added) };
        let ids = self.make_consumable(subject, made + added).await?;
        added += ids.answered;
        progress(&format!("consuming {} evaluations", ids.ids.len()));
        let warm_up = ids.ids.len() as u64 / 5;
        let span = Span::Requests { warm_up, measured: ids.ids.len() as u64 - warm_up };
        let work = Work::Consume { ids: &ids.ids, api_secret };
        let measured = self.load(subject, work, span).run().await?;
        report.add(Row { name: Row::CONSUME, earlier: made, measured });
        Ok(added)
    }

    async fn evaluate_for_a_while(&self, subject: &Subject, made: u64) -> Result<Measured, BenchError> {
        progress(&format!("evaluating at {:?} after {made} evaluations", subject.addresses));
        let measured = self.options.measured();
        let work = Work::Evaluate { users: POPULATION, first: made, collect: false };
        self.load(subject, work, Span::Time { warm_up: measured / 4, measured }).run().await
    }

    /// Evaluations of few users, of which all but the first of each are free of challenges.
    async fn make_consumable(&self, subject: &Subject, made: u64) -> Result<Measured, BenchError> {
        let wanted = self.options.consumes();
        let span = Span::Requests { warm_up: 0, measured: wanted + 8 * u64::from(CONSUMERS) };
        let work = Work::Evaluate { users: CONSUMERS, first: made, collect: true };
        let mut made = self.load(subject, work, span).run().await?;
        let (got, wanted) = (made.ids.len(), usize::try_from(wanted).unwrap_or(usize::MAX));
        if got < wanted {
            return Err(BenchError::TooFewToConsume { got, wanted });
        }
        made.ids.truncate(wanted);
        Ok(made)
    }

    /// Makes evaluations until there are `level`; returns how many it made.
    async fn fill(&self, subject: &Subject, made: u64, level: u64, report: &mut Report) -> Result<u64, BenchError> {
        let missing = level.saturating_sub(made);
        if missing == 0 {
            return Ok(0);
        }
        progress(&format!("making {missing} evaluations"));
        let begun = Instant::now();
        let work = Work::Evaluate { users: POPULATION, first: made, collect: false };
        let load = Load {
            limit: Duration::from_secs(60 * u64::from(self.options.fill_limit)),
            ..self.load(subject, work, Span::Requests { warm_up: 0, measured: missing })
        };
        let filled = load.run().await?;
        report.fills.push((filled.answered, begun.elapsed()));
        Ok(filled.answered)
    }

    fn load<'a>(&self, subject: &'a Subject, work: Work<'a>, span: Span) -> Load<'a> {
        Load {
            addresses: &subject.addresses,
            traffic: &subject.traffic,
            connections: self.options.connections.into(),
            work,
            span,
            limit: Duration::from_mins(10),
        }
    }
}

fn progress(text: &str) {
    eprintln!("… {text}");
}
