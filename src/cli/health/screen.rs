//! As much as a terminal has room for.

use std::io;

use super::words::{endpoint_table, heading, table};
use crate::admin::health::HealthReport;

/// Rows and columns of the terminal that is written to, if it says.
pub(super) fn window() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    let (rows, columns) = (usize::from(size.ws_row), usize::from(size.ws_col));
    (rows > 0 && columns > 0).then_some((rows, columns))
}

/// What fits into a window, where its size is known; a line is a row.
pub(super) fn screen(report: &mut HealthReport, window: Option<(usize, usize)>) -> String {
    let Some((rows, columns)) = window else {
        return format!(
            "{}{}{}",
            heading(report),
            endpoint_table(report),
            table(report)
        );
    };
    // Beside the heading, the names of the columns, what says that there are more, and where the cursor is.
    let room = rows.saturating_sub(4).max(1);
    if report.endpoints.is_empty() {
        report.targets.truncate(room);
    } else {
        let room = room.saturating_sub(2).max(2);
        report
            .endpoints
            .truncate((room / 2).max(room.saturating_sub(report.targets.len())));
        report
            .targets
            .truncate(room.saturating_sub(report.endpoints.len()).max(1));
    }
    let text = format!(
        "{}{}{}",
        heading(report),
        endpoint_table(report),
        table(report)
    );
    let lines = text.lines().take(rows.saturating_sub(1).max(1));
    lines.map(|line| cut(line, columns) + "\n").collect()
}

/// No more characters than that; the last one says that there were more.
fn cut(line: &str, columns: usize) -> String {
    match line.chars().count() > columns {
        true => {
            let kept = line.chars().take(columns.saturating_sub(1));
            kept.chain(['…']).collect()
        }
        false => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::tests::{part, target};
    use super::*;
    use crate::admin::health::{Counts, EndpointReport, Tally};

    #[test]
    fn a_screen_has_no_more_rows_and_columns_than_its_window() {
        let endpoint = |n: usize| EndpointReport {
            pool: format!("pool-{n}"),
            region: "eu".to_owned(),
            endpoint: "192.0.2.1".to_owned(),
            verdict: "down".to_owned(),
            counts_as: "down".to_owned(),
            since_unix_ms: None,
            why: "database is down".to_owned(),
            share: None,
            overridden: None,
            condition: part("a", None, "down", "", Vec::new()),
        };
        for (targets, endpoints) in [(0, 0), (3, 0), (500, 0), (500, 500), (2, 500), (500, 2)] {
            for (rows, columns) in [(24, 80), (50, 200), (5, 20), (1, 1)] {
                let down = |down| Tally {
                    down,
                    ..Tally::default()
                };
                let mut report = HealthReport {
                    now_unix_ms: 62_000,
                    verdicts: String::new(),
                    probing: None,
                    counts: Counts {
                        targets: down(targets),
                        endpoints: down(endpoints),
                    },
                    targets: vec![target(); targets.min(rows)],
                    endpoints: (0..endpoints.min(rows)).map(endpoint).collect(),
                };
                let text = screen(&mut report, Some((rows, columns)));
                let lines: Vec<&str> = text.lines().collect();
                assert!(lines.len() < rows.max(2), "{rows}: {text}");
                assert!(lines.iter().all(|line| line.chars().count() <= columns));
                if (rows, columns) == (50, 200) && targets == 500 {
                    assert!(
                        lines
                            .last()
                            .is_some_and(|last| last.contains(" more, which"))
                    );
                }
            }
        }
    }
}
