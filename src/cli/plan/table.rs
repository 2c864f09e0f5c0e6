//! A plan for people.

use super::recording::Recording;
use super::report::{
    Flow, Moved, OfCountry, OfPolicy, Report, Unlocated, grouped, listed, percent, width,
};

/// Countries that are listed unless all are asked for.
const COUNTRIES_MAX: usize = 20;

/// Flows of a country that are listed.
const COUNTRY_FLOWS_MAX: usize = 3;

pub fn render(report: &Report, all: bool) -> String {
    let mut text = headline(report) + "\n";
    if let Some(Recording {
        file,
        counted,
        others,
        ..
    }) = &report.recording
    {
        let (counted, others) = (grouped(*counted as f64), grouped(*others as f64));
        text += &format!("{file}: {counted} queries for balanced names, and {others} others\n");
    }
    let (staying, moving): (Vec<_>, Vec<_>) =
        report.policies.iter().partition(|policy| policy.stays());
    for policy in moving {
        text += &of_policy(policy, all);
    }
    for (label, names) in [
        ("no longer balanced", &report.names_only_before),
        ("newly balanced", &report.names_only_after),
    ] {
        if !names.is_empty() {
            text += &format!("\n{label}: {}\n", listed(names));
        }
    }
    if !staying.is_empty() {
        let names: Vec<_> = staying.iter().map(|policy| policy.title()).collect();
        text += &format!("\nnobody moves: {}\n", listed(&names));
    }
    text
}

/// What is compared, in a line.
pub fn headline(report: &Report) -> String {
    let mut text = report.before.clone();
    if report.after != report.before {
        text += &format!(" -> {}", report.after);
    }
    for (words, whats) in [
        ("down already", &report.already_down),
        ("drained", &report.drained),
    ] {
        if !whats.is_empty() {
            text += &format!(", {} {words}", whats.join(", "));
        }
    }
    text
}

impl OfPolicy {
    pub fn title(&self) -> String {
        match self.before == self.after {
            true => format!("policy {}", self.before),
            false => format!("policy {} -> {}", self.before, self.after),
        }
    }
}

fn of_policy(policy: &OfPolicy, all: bool) -> String {
    let mut text = format!("\n{}: {}\n", policy.title(), listed(&policy.names));
    for clients in &policy.clients {
        text += &of_clients(clients, all);
    }
    text
}

fn of_clients(clients: &Moved, all: bool) -> String {
    let mut text = format!("\n  {}\n", summary(clients));
    if clients.total > 0.0 {
        text += &regions(clients);
        text += &flows(&clients.flows, "    ");
        text += &countries(clients, all);
    }
    if let Some(scope) = clients.mean_scope {
        text += &format!(
            "    mean scope /{:.1} before, /{:.1} after\n",
            scope.before, scope.after
        );
    }
    text + &unlocated(&clients.unlocated, clients.unit)
}

fn summary(clients: &Moved) -> String {
    use super::report::Clients;
    let who = match clients.clients {
        Clients::Ipv4 => "IPv4 clients",
        Clients::Ipv6 => "IPv6 clients",
        Clients::Recorded => "recorded clients",
    };
    let total = grouped(clients.total);
    let (unit, rtype) = (clients.unit, &clients.rtype);
    let about = if clients.is_estimated { "about " } else { "" };
    match clients.total > 0.0 {
        true => {
            let moved = percent(clients.moved);
            format!("{who}, type {rtype}: {about}{moved} of {total} {unit} move")
        }
        false => format!("{who}, type {rtype}: none are known"),
    }
}

fn regions(clients: &Moved) -> String {
    let names = clients.regions.iter().map(|region| region.region.as_str());
    let width = width(names, "region".len());
    let mut text = format!(
        "    {:<width$}  {:>10}  {:>10}\n",
        "region", "before", "after"
    );
    for region in &clients.regions {
        text += &format!(
            "    {:<width$}  {:>10}  {:>10}\n",
            region.region,
            percent(region.before),
            percent(region.after)
        );
    }
    text
}

fn flows(flows: &[Flow], indent: &str) -> String {
    let names: Vec<_> = flows.iter().map(Flow::name).collect();
    let width = width(names.iter().map(String::as_str), 0);
    let mut text = String::new();
    for (flow, name) in flows.iter().zip(&names) {
        text += &format!("{indent}{name:<width$}  {:>10}\n", percent(flow.share));
    }
    text
}

impl Flow {
    fn name(&self) -> String {
        format!("{} -> {}", self.from, self.to)
    }
}

fn countries(clients: &Moved, all: bool) -> String {
    let moving = clients
        .countries
        .iter()
        .filter(|country| country.moved > 0.0);
    let moving = moving.count();
    let shown = match all {
        true => clients.countries.len(),
        false => moving.min(COUNTRIES_MAX),
    };
    if shown == 0 {
        return String::new();
    }
    let listed = &clients.countries[..shown];
    let width = width(listed.iter().map(|c| c.country.as_str()), "country".len());
    let mut text = format!(
        "    {:<width$}  {:>10}  {:>10}  {:>10}  {}\n",
        "country", "clients", "move", "of its own", "where"
    );
    for country in listed {
        text += &format!(
            "    {:<width$}  {:>10}  {:>10}  {:>10}  {}\n",
            country.country,
            percent(country.share),
            percent(country.moved),
            percent(country.of_its_own()),
            country.whither(),
        );
    }
    if moving > shown {
        text += &format!("    and {} more, with --all\n", moving - shown);
    }
    text
}

impl OfCountry {
    /// Which share of the country's own clients moves.
    fn of_its_own(&self) -> f64 {
        if self.share > 0.0 {
            self.moved / self.share
        } else {
            0.0
        }
    }

    /// "eu -> us 3.10 %, eu -> ap 0.20 %"
    fn whither(&self) -> String {
        let shown = self.flows.iter().take(COUNTRY_FLOWS_MAX);
        let mut shown: Vec<_> = match self.flows.as_slice() {
            [one] => vec![one.name()],
            _ => shown
                .map(|flow| format!("{} {}", flow.name(), percent(flow.share)))
                .collect(),
        };
        if self.flows.len() > COUNTRY_FLOWS_MAX {
            shown.push("…".to_owned());
        }
        shown.join(", ")
    }
}

fn unlocated(unlocated: &Unlocated, unit: &str) -> String {
    if unlocated.total == 0.0 {
        return String::new();
    }
    let total = grouped(unlocated.total);
    let moved = match unlocated.flows.as_slice() {
        [] => "none of them move".to_owned(),
        flows => {
            let flows = flows.iter().take(COUNTRY_FLOWS_MAX);
            let flows = flows.map(|flow| format!("{} {}", flow.name(), percent(flow.share)));
            flows.collect::<Vec<_>>().join(", ")
        }
    };
    format!("    not counted, as no source knows them: {total} {unit}; {moved}\n")
}
