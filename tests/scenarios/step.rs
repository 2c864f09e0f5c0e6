//! One line of a story.

use std::time::Duration;

use meridian::model::Verdict;

use crate::in_process::Query;

#[derive(Debug)]
pub enum Step {
    Query {
        query: Query,
        expected: Answer,
    },
    Queries {
        count: u32,
        query: Query,
        /// First address, share in percent.
        expected: Vec<(String, f64)>,
    },
    Observe {
        targets: Vec<String>,
        outcome: Outcome,
        times: u32,
    },
    TimePasses(Duration),
    Control {
        answers: bool,
    },
    Restart,
    Reload {
        file: String,
        mistake: Option<String>,
    },
    Expect {
        targets: Vec<String>,
        verdict: Verdict,
        held: bool,
        needs: Option<u32>,
    },
    ExpectAlarm(bool),
    ExpectTargets(usize),
}

/// What a probe shows.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The first status that is expected, or a connection.
    Succeeded,
    Refused,
    TimedOut,
    Unreachable,
    Status(u16),
}

/// What a query is answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// NODATA, NXDOMAIN, SERVFAIL, REFUSED; nothing where addresses are expected.
    pub kind: Option<String>,
    pub addresses: Vec<String>,
    /// How many of `addresses` are answered; all, where nothing is said.
    pub count: Option<usize>,
    pub ttl_s: Option<u32>,
    pub scope: Option<u8>,
    pub error: Option<String>,
}

impl Step {
    /// # Errors
    /// In words.
    pub fn parse(line: &str) -> Result<Self, String> {
        let (action, expected) = match line.split_once("->") {
            Some((action, expected)) => (action, Some(expected.trim())),
            None => (line, None),
        };
        let words: Vec<&str> = action.split_whitespace().collect();
        match *words {
            ["query", ref words @ ..] => Ok(Step::Query {
                query: query(words)?,
                expected: Answer::parse(expected.ok_or(NO_ANSWER)?)?,
            }),
            [count, "queries", ref words @ ..] => Ok(Step::Queries {
                count: number(count)?,
                query: query(words)?,
                expected: shares(expected.ok_or(NO_ANSWER)?)?,
            }),
            ["observe", ref words @ ..] => observe(words),
            ["time", "passes", ref words @ ..] => duration(words).map(Step::TimePasses),
            ["control", "answers"] => Ok(Step::Control { answers: true }),
            ["control", "is", "silent"] => Ok(Step::Control { answers: false }),
            ["restart"] => Ok(Step::Restart),
            ["reload", file] => Ok(Step::Reload {
                file: file.to_owned(),
                mistake: expected.map(str::to_owned),
            }),
            ["expect", "alarm"] => Ok(Step::ExpectAlarm(true)),
            ["expect", "no", "alarm"] => Ok(Step::ExpectAlarm(false)),
            ["expect", count, "targets"] => Ok(Step::ExpectTargets(number(count)?)),
            ["expect", ref words @ ..] => expect(words),
            _ => Err(format!("`{line}` is no step")),
        }
    }
}

const NO_ANSWER: &str = "a query ends in -> and what is expected";

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

/// Always with EDNS, so that errors can be told.
fn query(words: &[&str]) -> Result<Query, String> {
    let [name, rtype, rest @ ..] = words else {
        return Err("a query has a name and a type".into());
    };
    let query = Query::new(name, rtype).edns();
    match *rest {
        [] => Ok(query),
        ["subnet", net] => Ok(query.subnet(net)),
        ["from", resolver] => Ok(query.from(resolver)),
        ["subnet", net, "from", resolver] => Ok(query.subnet(net).from(resolver)),
        _ => Err("expected `subnet NET`, `from RESOLVER`, or both in this order".into()),
    }
}

impl Answer {
    fn parse(text: &str) -> Result<Self, String> {
        let (text, error) = match text.split_once("error:") {
            Some((text, error)) => (text, Some(error.trim().to_owned())),
            None => (text, None),
        };
        let mut answer = Answer {
            error,
            ..Answer::default()
        };
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or("a number is missing");
            match word {
                "NODATA" | "NXDOMAIN" | "SERVFAIL" | "REFUSED" => answer.kind = Some(word.into()),
                "ttl" => answer.ttl_s = Some(number(next()?)?),
                "scope" => answer.scope = Some(number(next()?)?),
                "of" => {}
                address if address.contains(['.', ':']) => answer.addresses.push(address.into()),
                count => answer.count = Some(number(count)?),
            }
        }
        match answer.kind.is_some() == answer.addresses.is_empty() {
            true => Ok(answer),
            false => Err("an answer is addresses, or the kind of a no".into()),
        }
    }
}

fn shares(text: &str) -> Result<Vec<(String, f64)>, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let share = |words: &[&str]| match *words {
        [address, share, "%"] => Ok((address.to_owned(), number(share)?)),
        _ => Err("expected ADDRESS SHARE %".to_owned()),
    };
    words.chunks(3).map(share).collect()
}

fn observe(words: &[&str]) -> Result<Step, String> {
    let (words, times) = match words {
        [words @ .., count, "times"] => (words, number(count)?),
        words => (words, 1),
    };
    let [targets @ .., outcome] = words else {
        return Err("expected targets and an outcome".into());
    };
    let outcome = match *outcome {
        "ok" => Outcome::Succeeded,
        "refused" => Outcome::Refused,
        "timeout" => Outcome::TimedOut,
        "unreachable" => Outcome::Unreachable,
        status => Outcome::Status(
            status
                .parse()
                .map_err(|_| format!("`{status}` is no outcome"))?,
        ),
    };
    Ok(Step::Observe {
        targets: owned(targets),
        outcome,
        times,
    })
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn duration(words: &[&str]) -> Result<Duration, String> {
    let unit_ms = match words {
        [_, "ms"] => 1,
        [_, "s"] => 1_000,
        [_, "min"] => 60_000,
        _ => return Err("expected `time passes COUNT ms|s|min`".into()),
    };
    Ok(Duration::from_millis(number::<u64>(words[0])? * unit_ms))
}

fn expect(words: &[&str]) -> Result<Step, String> {
    let (words, needs) = match words {
        [words @ .., "needs", count] => (words, Some(number(count)?)),
        words => (words, None),
    };
    let (words, held) = match words {
        [words @ .., "held"] => (words, true),
        words => (words, false),
    };
    let [targets @ .., verdict] = words else {
        return Err("expected targets and a verdict".into());
    };
    let verdict = match *verdict {
        "up" => Verdict::Up,
        "down" => Verdict::Down,
        "unknown" => Verdict::Unknown,
        other => return Err(format!("`{other}` is no verdict")),
    };
    Ok(Step::Expect {
        targets: owned(targets),
        verdict,
        held,
        needs,
    })
}
