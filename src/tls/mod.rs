//! Whom does TLS trust, and what do certificates say?
//!
//! | file | question |
//! |---|---|
//! | `trust` | whose certificates are taken? |
//! | `certificate` | what does a certificate say? |
//! | `der` | what is in its octets? |

mod certificate;
mod der;
mod trust;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use certificate::{AltName, Certificate, Time};
pub use trust::{Trust, anchors_in};

/// What does the arithmetic.
pub fn provider() -> Arc<CryptoProvider> {
    match CryptoProvider::get_default() {
        Some(provider) => Arc::clone(provider),
        None => Arc::new(ring::default_provider()),
    }
}
