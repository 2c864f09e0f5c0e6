//! `[server.identity]` and `[server.cookies]` -> what the server says of itself, and its secrets.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::config::{self, At, Config, Diagnostics, Place, SECRET_FORM, SECRETS_MAX};
use crate::dns::cookie::{Secret, Secrets};
use crate::random;
use crate::state::Identity;
use crate::state::identity::{Chaos, Cookies};

/// Octets of a file with secrets at most: room for comments.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// `None` when the secrets cannot be had; the reason is in `diagnostics`.
pub(super) fn compile(config: &Config, diagnostics: &mut Diagnostics) -> Option<Identity> {
    let identity = &config.server.identity;
    let octets = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().into());
    let cookies = &config.server.cookies;
    Some(Identity {
        nsid: identity.nsid.as_deref().map(Into::into),
        chaos: Chaos {
            version: octets(&identity.version),
            hostname: octets(&identity.hostname),
            id: octets(&identity.id),
        },
        cookies: match cookies.enabled {
            true => Some(Cookies {
                secrets: secrets(&config.path, cookies, diagnostics)?,
                require: cookies.require,
            }),
            false => None,
        },
    })
}

fn secrets(
    config_path: &Path,
    cookies: &config::Cookies,
    diagnostics: &mut Diagnostics,
) -> Option<Secrets> {
    if let Some(file) = &cookies.secret_file {
        return Secrets::new(read(file, diagnostics)?);
    }
    if let Some(secrets) = &cookies.secrets {
        // Of the configuration's files, the one that they stand in.
        let path = &*secrets.place.file;
        if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0) {
            let message = "contains secrets, and everybody may read it";
            let help = "keep them in a `secret_file`, or `chmod o= FILE`".to_owned();
            diagnostics.warning(&Place::file(path), message, Some(help));
        }
        return Secrets::new(secrets.value.clone());
    }
    // The same after a reload, so that the clients' cookies stay good.
    let Some(octets) = random::process_secret() else {
        let message = "the system gives no random octets for the secret of DNS cookies";
        let help = "set `secret_file` in [server.cookies], or `enabled = false`".to_owned();
        diagnostics.error(&Place::file(config_path), message, Some(help));
        return None;
    };
    Secrets::new(vec![Secret::new(octets)])
}

/// The secrets in a file, a line each; blank lines and those that begin with `#` are none. What stands
/// there is never shown.
pub(super) fn read(
    file: &At<std::path::PathBuf>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Secret>> {
    let path = &file.value;
    let text = match read_private(path) {
        Ok(text) => text,
        Err((message, help)) => {
            let message = format!("{}: {message}", path.display());
            diagnostics.error(&file.place, message, help);
            return None;
        }
    };
    let mut secrets = Vec::new();
    let mut mistakes = false;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Secret::from_hex(line) {
            Some(secret) => secrets.push(secret),
            None => {
                let mut place = Place::file(path);
                place.line = number;
                diagnostics.error(&place, format!("expected {SECRET_FORM}"), None);
                mistakes = true;
            }
        }
    }
    if !mistakes && !(1..=SECRETS_MAX).contains(&secrets.len()) {
        let message = format!(
            "expected 1 to {SECRETS_MAX} secrets, a line each, found {}",
            secrets.len()
        );
        diagnostics.error(&Place::file(path), message, None);
        mistakes = true;
    }
    (!mistakes).then_some(secrets)
}

pub(super) type Unreadable = (String, Option<String>);

/// The text of a file that others can neither read nor write.
pub(super) fn read_private(path: &Path) -> Result<String, Unreadable> {
    let unreadable = |e: std::io::Error| (format!("cannot be read: {e}"), None);
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(("is not a file".to_owned(), None));
    }
    if about.permissions().mode() & 0o027 != 0 {
        let message = "contains secrets, and others than its owner and group may read it, or others \
                       than its owner may write it";
        let help = format!("chmod 640 {}", path.display());
        return Err((message.to_owned(), Some(help)));
    }
    let mut octets = Vec::new();
    let mut limited = file.take(FILE_LEN_MAX + 1);
    limited.read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() as u64 > FILE_LEN_MAX {
        return Err((format!("is longer than {} KiB", FILE_LEN_MAX >> 10), None));
    }
    String::from_utf8(octets).map_err(|_| ("is not UTF-8".to_owned(), None))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    const OLD: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
    const NEW: &str = "445536bcd2513298075a5d379663c962";

    /// What a configuration that names a file with `text` and `mode` comes to, the folder left out.
    fn compiled(text: &str, mode: u32) -> Result<Secrets, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets");
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        file.set_permissions(fs::Permissions::from_mode(mode))
            .unwrap();
        let config = folder.path().join("meridian.toml");
        let text = "[server.cookies]\nsecret_file = \"secrets\"";
        let config = config::parse(text, &config).unwrap().config;
        let mut diagnostics = Diagnostics::new();
        let identity = super::compile(&config, &mut diagnostics);
        let folder = format!("{}/", folder.path().display());
        identity
            .map(|identity| identity.cookies.unwrap().secrets)
            .ok_or_else(|| {
                let lines = diagnostics.iter().map(ToString::to_string);
                lines.map(|line| line.replace(&folder, "")).collect()
            })
    }

    fn secrets(hex: &[&str]) -> Secrets {
        let secrets = hex.iter().map(|hex| Secret::from_hex(hex).unwrap());
        Secrets::new(secrets.collect()).unwrap()
    }

    #[test]
    fn a_file_has_a_secret_on_each_line() {
        let text = format!("# since May\n{NEW}\n\n  {OLD}  \n");
        assert_eq!(compiled(&text, 0o640), Ok(secrets(&[NEW, OLD])));
    }

    #[test]
    fn a_wrong_line_is_named_and_not_shown() {
        let text = format!("{NEW}\n{OLD}0\n0x{OLD}\n");
        let expected =
            "error: expected 32 hexadecimal digits, as `openssl rand -hex 16` makes them";
        let place = |line| format!("secrets:{line}: {expected}");
        assert_eq!(compiled(&text, 0o600), Err(vec![place(2), place(3)]));
    }

    #[test]
    fn a_file_that_others_may_read_or_change_is_refused() {
        for mode in [0o604, 0o602, 0o620, 0o660, 0o644, 0o601] {
            let mistakes = compiled(OLD, mode).unwrap_err();
            assert_eq!(mistakes.len(), 1);
            assert!(
                mistakes[0]
                    .starts_with("meridian.toml:2:15: error: secrets: contains secrets, and")
            );
            assert!(mistakes[0].ends_with("(chmod 640 secrets)"), "{mistakes:?}");
        }
        assert!(compiled(OLD, 0o400).is_ok());
    }

    #[test]
    fn a_file_has_one_to_four_secrets() {
        let none = "secrets: error: expected 1 to 4 secrets, a line each, found 0";
        assert_eq!(compiled("# none\n", 0o600), Err(vec![none.to_owned()]));
        assert!(compiled(&format!("{OLD}\n").repeat(4), 0o600).is_ok());
        let five = "secrets: error: expected 1 to 4 secrets, a line each, found 5";
        assert_eq!(
            compiled(&format!("{OLD}\n").repeat(5), 0o600),
            Err(vec![five.to_owned()])
        );
        let long = compiled(&"#".repeat(FILE_LEN_MAX as usize + 1), 0o600).unwrap_err();
        assert!(long[0].contains("is longer than 64 KiB"), "{long:?}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = Path::new("/nowhere/meridian.toml");
        let text = "[server.cookies]\nsecret_file = \"secrets\"";
        let config = config::parse(text, path).unwrap().config;
        let mut diagnostics = Diagnostics::new();
        assert!(super::compile(&config, &mut diagnostics).is_none());
        let mistakes: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(
            mistakes,
            [
                "/nowhere/meridian.toml:2:15: error: /nowhere/secrets: cannot be read: \
                 No such file or directory (os error 2)"
            ]
        );
    }

    #[test]
    fn without_secrets_there_is_a_random_one_that_outlives_a_reload() {
        let config = config::parse("", Path::new("/nowhere/meridian.toml"))
            .unwrap()
            .config;
        let compile = || {
            let identity = super::compile(&config, &mut Diagnostics::new()).unwrap();
            identity.cookies.unwrap().secrets
        };
        assert_eq!(compile(), compile());
        assert_ne!(compile(), secrets(&["00000000000000000000000000000000"]));
    }

    #[test]
    fn secrets_in_a_file_of_the_configuration_that_everybody_may_read_are_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let [first, included] = ["m.toml", "more.toml"].map(|name| folder.path().join(name));
        let secrets = format!("[server.cookies]\nsecrets = [\"{OLD}\"]");
        let including = "include = \"more.toml\"";
        for (texts, with_secrets, without) in [
            ([&*secrets, ""], &first, &included),
            ([including, &secrets], &included, &first),
        ] {
            fs::write(&first, texts[0]).unwrap();
            fs::write(&included, texts[1]).unwrap();
            fs::set_permissions(without, fs::Permissions::from_mode(0o644)).unwrap();
            let config = config::load(&first).unwrap().config;
            for (mode, is_warned_of) in [(0o644, true), (0o640, false)] {
                fs::set_permissions(with_secrets, fs::Permissions::from_mode(mode)).unwrap();
                let mut diagnostics = Diagnostics::new();
                assert!(super::compile(&config, &mut diagnostics).is_some());
                let places: Vec<_> = diagnostics.iter().map(|d| &*d.place.file).collect();
                let expected = is_warned_of.then_some(&**with_secrets);
                assert_eq!(places, Vec::from_iter(expected));
            }
        }
    }
}
