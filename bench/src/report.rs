//! The results as a table that reads well on a terminal and in Markdown alike, beside what was to be reached.

use std::{fmt::Write as _, time::Duration};

use crate::{load::Measured, machine::Machine, process::Memory};

/// The product's evaluations a second, as a share of floor (b)'s: at least.
const SHARE_OF_COMMIT: f64 = 0.40;
/// The median with the longest history, as a multiple of that with none: at most.
const GROWTH: f64 = 1.3;
/// Resident memory of the idle server: less than.
const IDLE_BYTES: u64 = 60_000_000;
/// From starting the process to being ready: at most.
const READY: Duration = Duration::from_millis(300);
/// Shares of challenged evaluations further apart than this make rows incomparable.
const SAME_WORK: f64 = 0.05;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub name: &'static str,
    /// How many evaluations there were before.
    pub earlier: u64,
    /// The figures.
    pub measured: Measured,
}

impl Row {
    /// Floor (a).
    pub const PARSE: &'static str = "(a) parse and answer";
    /// Floor (b).
    pub const COMMIT: &'static str = "(b) parse, commit, answer";
    /// The product's evaluation.
    pub const EVALUATE: &'static str = "(c) POST /v3/evaluations";
    /// The product's consume.
    pub const CONSUME: &'static str = "(d) POST …/consume";
}

/// Everything that one run found out.
#[derive(Clone, Debug)]
pub struct Report {
    machine: Machine,
    date: Option<String>,
    commit: Option<String>,
    /// How the load was made.
    pub conditions: String,
    rows: Vec<Row>,
    /// How long making the earlier evaluations took: number and time.
    pub fills: Vec<(u64, Duration)>,
    /// From start to ready on empty directories, shortest first.
    pub starts: Vec<Duration>,
    /// From start to ready after a kill, with this many evaluations.
    pub restart: Option<(u64, Duration)>,
    /// Once ready, before any request.
    pub memory_idle: Option<Memory>,
    /// After all of the load.
    pub memory_loaded: Option<Memory>,
    /// Once ready again, with all the evaluations there.
    pub memory_restarted: Option<Memory>,
}

/// Something to reach, and how far it was reached.
#[derive(Clone, Debug, PartialEq)]
struct Goal {
    what: String,
    target: String,
    measured: String,
    reached: bool,
}

impl Report {
    /// Nothing measured yet.
    pub fn new(machine: Machine, date: Option<String>, commit: Option<String>) -> Self {
        Self {
            machine,
            date,
            commit,
            conditions: String::new(),
            rows: Vec::new(),
            fills: Vec::new(),
            starts: Vec::new(),
            restart: None,
            memory_idle: None,
            memory_loaded: None,
            memory_restarted: None,
        }
    }

    /// Adds a measurement.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// All of it, as a section of a Markdown document.
    pub fn to_markdown(&self) -> String {
        let mut text = self.heading();
        text.push_str(&table(&self.row_cells()));
        for note in self.notes() {
            let _ = write!(text, "\n{note}\n");
        }
        let goals = self.goals();
        if !goals.is_empty() {
            text.push('\n');
            text.push_str(&table(&goal_cells(&goals)));
        }
        text
    }

    fn heading(&self) -> String {
        let Machine { processor, cores, memory, kernel, file_system } = &self.machine;
        let date = self.date.as_deref().unwrap_or("Results");
        let commit = self.commit.as_ref().map_or_else(String::new, |commit| format!(", commit {commit}"));
        format!(
            "## {date}{commit}\n\n{cores} × {processor}, {:.1} GB of memory, Linux {kernel}, databases on {file_system}.\n{}.\n\n",
            gigabytes(*memory),
            self.conditions
        )
    }

    fn row_cells(&self) -> Vec<Vec<String>> {
        let header = ["", "earlier", "requests/s", "p50 ms", "p99 ms", "max ms", "of (a)", "of (b)", "challenged"];
        let mut cells = vec![header.map(str::to_owned).to_vec()];
        for Row { name, earlier, measured } in &self.rows {
            let latencies = &measured.latencies;
            cells.push(vec![
                (*name).to_owned(),
                grouped(*earlier),
                format!("{:.0}", measured.rate()),
                milliseconds(latencies.percentile(500)),
                milliseconds(latencies.percentile(990)),
                milliseconds(latencies.longest()),
                percent(self.share_of(Row::PARSE, measured)),
                percent(self.share_of(Row::COMMIT, measured)),
                if *name == Row::EVALUATE { percent(measured.challenged_share()) } else { String::new() },
            ]);
        }
        cells
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (count, time) in &self.fills {
            notes.push(format!("{} evaluations were made beforehand in {:.0} s.", grouped(*count), time.as_secs_f64()));
        }
        if let Some((made, time)) = self.restart {
            notes.push(format!(
                "Killed and started again with {} evaluations: ready after {} ms.",
                grouped(made),
                milliseconds(time)
            ));
        }
        let memories =
            [("idle", self.memory_idle), ("after the load", self.memory_loaded), ("restarted", self.memory_restarted)];
        let memories: Vec<_> = memories
            .into_iter()
            .filter_map(|(when, memory)| {
                Some(format!("{when} {} (peak {})", megabytes(memory?.resident), megabytes(memory?.peak)))
            })
            .collect();
        if !memories.is_empty() {
            notes.push(format!("Resident memory: {}.", memories.join(", ")));
        }
        if self.rows_differ_in_work() {
            notes.push(
                "Note: the shares of challenged evaluations differ, so the rows of (c) did different work.".to_owned(),
            );
        }
        notes
    }

    fn goals(&self) -> Vec<Goal> {
        let shares = self.evaluations().map(|row| {
            let share = self.share_of(Row::COMMIT, &row.measured);
            Goal {
                what: format!("(c) against (b), {} earlier", grouped(row.earlier)),
                target: format!("≥ {}", percent(SHARE_OF_COMMIT)),
                measured: percent(share),
                reached: share >= SHARE_OF_COMMIT,
            }
        });
        let memory = self.memory_idle.map(|memory| Goal {
            what: "idle memory".to_owned(),
            target: format!("< {}", megabytes(IDLE_BYTES)),
            measured: megabytes(memory.resident),
            reached: memory.resident < IDLE_BYTES,
        });
        let slowest = self.starts.last().map(|slowest| Goal {
            what: format!("ready, slowest of {} starts", self.starts.len()),
            target: format!("≤ {} ms", milliseconds(READY)),
            measured: format!("{} ms", milliseconds(*slowest)),
            reached: *slowest <= READY,
        });
        shares.chain(self.growth()).chain(memory).chain(slowest).collect()
    }

    /// How the median grows from no history to the longest one.
    fn growth(&self) -> Option<Goal> {
        let (first, last) = (self.evaluations().next()?, self.evaluations().last()?);
        if first.earlier != 0 || last.earlier == 0 {
            return None;
        }
        let median = |row: &Row| row.measured.latencies.percentile(500).as_secs_f64();
        let growth = median(last) / median(first).max(f64::EPSILON);
        Some(Goal {
            what: format!("p50 of (c) with {} earlier against none", grouped(last.earlier)),
            target: format!("≤ {GROWTH:.2} ×"),
            measured: format!("{growth:.2} ×"),
            reached: growth <= GROWTH,
        })
    }

    fn evaluations(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.name == Row::EVALUATE)
    }

    /// The rate as a share of a floor's; not a number without the floor.
    fn share_of(&self, floor: &str, measured: &Measured) -> f64 {
        let floor = self.rows.iter().find(|row| row.name == floor);
        floor.map_or(f64::NAN, |floor| measured.rate() / floor.measured.rate())
    }

    fn rows_differ_in_work(&self) -> bool {
        let shares = || self.evaluations().map(|row| row.measured.challenged_share());
        shares().fold(0.0, f64::max) - shares().fold(1.0, f64::min) > SAME_WORK
    }
}

fn goal_cells(goals: &[Goal]) -> Vec<Vec<String>> {
    let mut cells = vec![["to reach", "target", "measured", "reached"].map(str::to_owned).to_vec()];
    cells.extend(
        goals.iter().cloned().map(|goal| {
            vec![goal.what, goal.target, goal.measured, if goal.reached { "yes" } else { "no" }.to_owned()]
        }),
    );
    cells
}

/// A Markdown table with aligned columns: the first to the left, the others to the right.
fn table(cells: &[Vec<String>]) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
        })
        .collect();
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 { write!(text, "| {cell:<width$} ") } else { write!(text, "| {cell:>width$} ") };
        }
        text.push_str("|\n");
        if number == 0 {
            text.push_str(&rule(&widths));
        }
    }
    text
}

fn rule(widths: &[usize]) -> String {
    let cells = widths.iter().enumerate().map(|(column, width)| {
        if column == 0 { format!("| {} ", "-".repeat(*width)) } else { format!("| {}: ", "-".repeat(width - 1)) }
    });
    cells.chain(["|\n".to_owned()]).collect()
}

fn milliseconds(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 100.0 { format!("{milliseconds:.2}") } else { format!("{milliseconds:.0}") }
}

fn percent(share: f64) -> String {
    if share.is_nan() { "–".to_owned() } else { format!("{:.0} %", share * 100.0) }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
