//! Certificates and keys in files, and what is doubtful about them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use crate::clock;
use crate::config::forwarder::CertificateFiles;
use crate::config::{At, Diagnostics};
use crate::tls::Certificate;

/// Longest file that is read, in octets.
const FILE_LEN_MAX: u64 = 1 << 20;
/// How long before its end a certificate is warned of, in days.
const DAYS_LEFT: i64 = 14;

/// A certificate, the chain behind it, and its key; `None`: they cannot be used, and `diagnostics` says why.
pub(super) fn read(
    files: &CertificateFiles,
    provider: &Arc<CryptoProvider>,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<CertifiedKey>> {
    let chain = chain(&files.chain, diagnostics);
    let key = key(&files.key, diagnostics);
    let (chain, key) = (chain?, key?);
    let shown = files.chain.value.display();
    match CertifiedKey::from_der(chain, key, provider) {
        Ok(certified) => {
            warn(&certified.cert, &files.chain, diagnostics);
            Some(Arc::new(certified))
        }
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let key = files.key.value.display();
            let message = format!("{key}: is not the key of the certificate in {shown}");
            let help = "the first certificate of `chain` is the one that the key belongs to";
            diagnostics.error(&files.key.place, message, Some(help.to_owned()));
            None
        }
        Err(error) => {
            let key = files.key.value.display();
            let message = format!("{shown} and {key}: cannot be used: {error}");
            diagnostics.error(&files.chain.place, message, None);
            None
        }
    }
}

fn chain(
    file: &At<std::path::PathBuf>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<CertificateDer<'static>>> {
    let shown = file.value.display();
    let mistake = match octets(&file.value) {
        Ok(octets) => {
            let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
            match read {
                Ok(chain) if chain.is_empty() => "expected certificates in PEM".to_owned(),
                Ok(chain) => match Certificate::read(&chain[0]) {
                    Some(_) => return Some(chain),
                    None => "the first certificate cannot be read".to_owned(),
                },
                Err(error) => format!("is not PEM: {error}"),
            }
        }
        Err(mistake) => mistake,
    };
    diagnostics.error(&file.place, format!("{shown}: {mistake}"), None);
    None
}

fn key(
    file: &At<std::path::PathBuf>,
    diagnostics: &mut Diagnostics,
) -> Option<PrivateKeyDer<'static>> {
    let shown = file.value.display();
    let mistake = match octets(&file.value) {
        Ok(octets) => match PrivateKeyDer::from_pem_slice(&octets) {
            Ok(key) => {
                warn_of_readers(file, diagnostics);
                return Some(key);
            }
            Err(_)
                if has(&octets, b"BEGIN ENCRYPTED PRIVATE KEY") || has(&octets, b"ENCRYPTED") =>
            {
                "is encrypted, and nobody is there to be asked for the passphrase".to_owned()
            }
            Err(_) => "expected a private key in PEM".to_owned(),
        },
        Err(mistake) => mistake,
    };
    diagnostics.error(&file.place, format!("{shown}: {mistake}"), None);
    None
}

fn has(octets: &[u8], words: &[u8]) -> bool {
    octets.windows(words.len()).any(|window| window == words)
}

fn warn_of_readers(file: &At<std::path::PathBuf>, diagnostics: &mut Diagnostics) {
    let path = file.value.display();
    if fs::metadata(&file.value).is_ok_and(|about| about.permissions().mode() & 0o007 != 0) {
        let message = format!("{path}: contains a private key, and everybody may read or write it");
        let help = format!("chmod o= {path}");
        diagnostics.warning(&file.place, message, Some(help));
    }
}

/// The octets of a file that is not too long.
///
/// # Errors
/// In words.
pub(super) fn octets(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |e: std::io::Error| format!("cannot be read: {e}");
    let about = fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err("is not a file".to_owned());
    }
    if about.len() > FILE_LEN_MAX {
        return Err(format!("is longer than {} KiB", FILE_LEN_MAX >> 10));
    }
    fs::read(path).map_err(unreadable)
}

/// What serves, but not as it is meant, or not for long.
fn warn(
    chain: &[CertificateDer<'_>],
    file: &At<std::path::PathBuf>,
    diagnostics: &mut Diagnostics,
) {
    let shown = file.value.display();
    let mut warn = |message: String, help: Option<&str>| {
        let message = format!("{shown}: {message}");
        diagnostics.warning(&file.place, message, help.map(str::to_owned));
    };
    let read: Vec<_> = chain.iter().map(|der| Certificate::read(der)).collect();
    let now_unix_s = i64::try_from(clock::unix_ms() / 1000).unwrap_or(i64::MAX);
    for (number, certificate) in (1..).zip(&read) {
        let Some(certificate) = certificate else {
            warn(format!("certificate {number} cannot be read"), None);
            continue;
        };
        let which = match number {
            1 => "the certificate".to_owned(),
            _ => format!("certificate {number} of the chain"),
        };
        let (begins, ends) = (certificate.begins, certificate.ends);
        let left_s = ends.unix_s() - now_unix_s;
        if left_s < 0 {
            warn(format!("{which} ended at {ends}: clients refuse it"), None);
        } else if left_s < DAYS_LEFT * 86_400 {
            let days = left_s / 86_400;
            warn(format!("{which} ends at {ends}, in {days} days"), None);
        }
        if begins.unix_s() > now_unix_s {
            warn(
                format!("{which} begins at {begins}: clients refuse it until then"),
                None,
            );
        }
    }
    let order = "the certificate first, then the one that signed it, and so on; the trust anchor may be left out";
    for (number, pair) in (1..).zip(read.windows(2)) {
        if let [Some(one), Some(next)] = pair
            && !one.may_be_signed_by(next)
        {
            let message = format!(
                "certificate {} of the chain is not the one that signed certificate {number}",
                number + 1
            );
            warn(message, Some(order));
        }
    }
    if let [Some(only)] = read.as_slice()
        && !only.is_self_signed()
        && only.names().next().is_none()
    {
        let message = "the certificate has no names (subjectAltName): clients refuse it";
        warn(message.to_owned(), None);
    }
}
