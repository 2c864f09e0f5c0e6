//! `[webhook]` -> who is told about changes, with the secret that signs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::identity::read_private;
use crate::config::{
    At, Config, Diagnostics, Hidden, Place, SECRET_LEN_MAX, SECRET_LEN_MIN, Webhook,
};

/// Who is told about changes of verdicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub url: String,
    pub secret: Hidden,
    /// Trust anchors, PEM. `None`: the machine's.
    pub ca: Option<At<PathBuf>>,
    pub on_down: bool,
    pub on_up: bool,
}

/// `None` also when the secret cannot be had; the reason is in `diagnostics`.
pub(super) fn compile(config: &Config, diagnostics: &mut Diagnostics) -> Option<Arc<Hook>> {
    let webhook = config.webhook.as_ref()?;
    if let Some(ca) = &webhook.ca
        && let Err(e) = fs::File::open(&ca.value)
    {
        let message = format!("{}: cannot be read: {e}", ca.value.display());
        diagnostics.error(&ca.place, message, None);
    }
    Some(Arc::new(Hook {
        url: webhook.url.clone(),
        secret: secret(webhook, diagnostics)?,
        ca: webhook.ca.clone(),
        on_down: webhook.on_down,
        on_up: webhook.on_up,
    }))
}

fn secret(webhook: &Webhook, diagnostics: &mut Diagnostics) -> Option<Hidden> {
    if let Some(secret) = &webhook.secret {
        // Of the configuration's files, the one that it stands in.
        let path = &*secret.place.file;
        if fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0) {
            let message = "contains the secret of [webhook], and everybody may read it";
            let help = "keep it in a `secret_file`, or `chmod o= FILE`".to_owned();
            diagnostics.warning(&Place::file(path), message, Some(help));
        }
        return Some(secret.value.clone());
    }
    of_file(webhook.secret_file.as_ref()?, diagnostics)
}

fn of_file(file: &At<PathBuf>, diagnostics: &mut Diagnostics) -> Option<Hidden> {
    let path = file.value.display();
    let text = match read_private(&file.value) {
        Ok(text) => text,
        Err((message, help)) => {
            diagnostics.error(&file.place, format!("{path}: {message}"), help);
            return None;
        }
    };
    let secret = text.trim();
    if !(SECRET_LEN_MIN..=SECRET_LEN_MAX).contains(&secret.len()) {
        let message =
            format!("{path}: expected a secret of {SECRET_LEN_MIN} to {SECRET_LEN_MAX} octets");
        let help = format!("openssl rand -hex 32 > {path}");
        diagnostics.error(&file.place, message, Some(help));
        return None;
    }
    Some(Hidden(secret.to_owned()))
}
