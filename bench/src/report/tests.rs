use super::*;
use crate::histogram::Histogram;

fn measured(requests_in_a_second: u64, latency_ms: u64, challenged: u64) -> Measured {
    let mut latencies = Histogram::new();
    (0..requests_in_a_second).for_each(|_| latencies.record(Duration::from_millis(latency_ms)));
    let elapsed = Duration::from_secs(1);
    Measured { latencies, elapsed, answered: requests_in_a_second, challenged, ids: Vec::new() }
}

fn report(rows: &[(&'static str, u64, Measured)]) -> Report {
    let machine = Machine {
        processor: "A Processor".into(),
        cores: 2,
        memory: 8_000_000_000,
        kernel: "6.1".into(),
        file_system: "ext4".into(),
    };
    let mut report = Report::new(machine, Some("2026-01-02".into()), Some("abc".into()));
    for (name, earlier, measured) in rows {
        report.add(Row { name, earlier: *earlier, measured: measured.clone() });
    }
    report
}

fn verdicts(report: &Report) -> Vec<(String, bool)> {
    report.goals().into_iter().map(|goal| (goal.measured, goal.reached)).collect()
}

#[test]
fn goals_are_judged_on_their_very_edge() {
    let rows = [
        (Row::COMMIT, 0, measured(1000, 1, 0)),
        (Row::EVALUATE, 0, measured(400, 10, 0)),
        (Row::EVALUATE, 1_000_000, measured(399, 14, 0)),
    ];
    let mut report = report(&rows);
    report.starts = vec![Duration::from_millis(10), Duration::from_millis(300)];
    report.memory_idle = Some(Memory { resident: 60_000_000, peak: 61_000_000 });
    let expected = [("40 %", true), ("40 %", false), ("1.40 ×", false), ("60.0 MB", false), ("300 ms", true)];
    assert_eq!(verdicts(&report), expected.map(|(text, reached)| (text.to_owned(), reached)));
}

#[test]
fn what_was_not_measured_is_not_judged() {
    assert_eq!(verdicts(&report(&[(Row::PARSE, 0, measured(10, 1, 0))])), []);
    let only_one_level = report(&[(Row::COMMIT, 0, measured(10, 1, 0)), (Row::EVALUATE, 0, measured(10, 1, 0))]);
    assert_eq!(verdicts(&only_one_level), [("100 %".to_owned(), true)]);
}

#[test]
fn rows_that_did_different_work_are_said_to_have() {
    let rows = |share| [(Row::EVALUATE, 0, measured(100, 1, 60)), (Row::EVALUATE, 9, measured(100, 1, share))];
    assert!(report(&rows(0)).to_markdown().contains("did different work"));
    assert!(!report(&rows(58)).to_markdown().contains("did different work"));
}

#[test]
fn the_section_says_when_where_and_what() {
    let text = report(&[(Row::EVALUATE, 1_234_567, measured(10, 1, 0))]).to_markdown();
    assert!(
        text.starts_with(
            "## 2026-01-02, commit abc\n\n2 × A Processor, 8.0 GB of memory, Linux 6.1, databases on ext4."
        )
    );
    assert!(text.contains("| (c) POST /v3/evaluations | 1,234,567 |         10 |"), "{text}");
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with('|')).map(|line| line.chars().count()).collect();
    assert!(lines.chunk_by(|a, b| a == b).count() <= 2, "the columns are aligned: {text}");
}
