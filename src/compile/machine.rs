//! What monitors need of the machine that they are to run on. It may be another one, or come later: these are warnings.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::{CommandProbe, Config, Diagnostics, Monitor, ProbeKind, TlsProbe};
use crate::health::probe::icmp_is_allowed;

/// Any of user, group and others may execute it.
const EXECUTABLE: u32 = 0o111;

/// Warns of monitors that could observe nothing if they ran here.
pub fn warn_of_monitors(config: &Config, diagnostics: &mut Diagnostics) {
    for monitor in &config.monitors {
        let found = match &monitor.probe {
            ProbeKind::Icmp(_) => icmp_is_allowed().err(),
            ProbeKind::Command(CommandProbe { program, .. }) => not_executable(program),
            ProbeKind::File(probe) => lacks_folder(&probe.path),
            ProbeKind::Http(probe) => unreadable_ca(probe.tls.as_ref(), diagnostics),
            ProbeKind::Grpc(probe) => unreadable_ca(probe.tls.as_ref(), diagnostics),
            ProbeKind::Tls(probe) => unreadable_ca(Some(&probe.tls), diagnostics),
            _ => None,
        };
        let Some(why) = found else {
            continue;
        };
        let Monitor { name, place, .. } = monitor;
        let message = format!("monitor `{name}` would observe nothing on this machine: {why}");
        let help = "verdicts stay as they are where nothing is observed".to_owned();
        diagnostics.warning(place, message, Some(help));
    }
}

fn not_executable(program: &Path) -> Option<String> {
    let shown = program.display();
    match fs::metadata(program) {
        Err(error) => Some(format!("{shown}: {error}")),
        Ok(about) if !about.is_file() => Some(format!("{shown} is no program")),
        Ok(about) if about.permissions().mode() & EXECUTABLE == 0 => {
            Some(format!("{shown} is not executable"))
        }
        Ok(_) => None,
    }
}

/// What is to be read may be written later, but nobody makes the folder for it.
fn lacks_folder(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|_| !path.exists())?;
    let shown = folder.display();
    match fs::metadata(folder) {
        Err(error) => Some(format!("{shown}: {error}")),
        Ok(about) if !about.is_dir() => Some(format!("{shown} is no folder")),
        Ok(_) => None,
    }
}

/// Warned of where the file is named.
fn unreadable_ca(tls: Option<&TlsProbe>, diagnostics: &mut Diagnostics) -> Option<String> {
    let ca = tls?.ca.as_ref()?;
    if let Err(error) = File::open(&ca.value) {
        let message = format!("cannot read CA file {}: {error}", ca.value.display());
        let help = "verdicts stay as they are where nothing is observed".to_owned();
        diagnostics.warning(&ca.place, message, Some(help));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn what_this_machine_lacks_is_said_where_it_is_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("plain"), "").expect("written");
        let probes = [
            ("command = [\"/bin/true\"]".to_owned(), ""),
            (
                format!("command = [\"{}\"]", path("plain")),
                "plain is not executable",
            ),
            (
                format!("command = [\"{}\"]", path("none")),
                "none: No such file",
            ),
            (format!("command = [\"{}\"]", path("")), "is no program"),
            (format!("file = \"{}\"", path("none")), ""),
            (
                format!("file = \"{}\"", path("none/none")),
                "none: No such file",
            ),
            (
                format!("file = \"{}\"", path("plain/none")),
                "plain is no folder",
            ),
            (
                format!("tls = true\nca = \"{}\"", path("none")),
                "cannot read CA file",
            ),
            (format!("tls = true\nca = \"{}\"", path("plain")), ""),
        ];
        for (probe, expected) in probes {
            let text = format!(
                "[region.eu]\n[pool.p]\nregion = \"eu\"\nmonitor = \"m\"\nendpoints = [\"192.0.2.1\"]\n\
                 [monitor.m]\n{probe}\n"
            );
            let config = config::parse(&text, Path::new("m.toml"))
                .expect("read")
                .config;
            let mut diagnostics = Diagnostics::new();
            warn_of_monitors(&config, &mut diagnostics);
            let said: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
            match expected {
                "" => assert!(said.is_empty(), "{said:?}"),
                _ => {
                    let line = if probe.contains("ca =") { 8 } else { 7 };
                    let at = format!("m.toml:{line}:");
                    assert_eq!(said.len(), 1, "{probe}");
                    assert!(
                        said[0].starts_with(&at) && said[0].contains(expected),
                        "{said:?}"
                    );
                }
            }
        }
    }
}
