//! Diagnostics of one zone, bounded: a binary file read by accident is millions of mistakes.

use crate::config::{Diagnostics, Place};

/// Errors that are told of one zone, and warnings.
const TOLD_MAX: usize = 100;

pub(super) struct Report<'d> {
    diagnostics: &'d mut Diagnostics,
    /// The zone file as a whole.
    whole: Place,
    errors: usize,
    warnings: usize,
}

impl<'d> Report<'d> {
    pub fn new(diagnostics: &'d mut Diagnostics, whole: Place) -> Self {
        Report {
            diagnostics,
            whole,
            errors: 0,
            warnings: 0,
        }
    }

    pub fn error(&mut self, place: &Place, message: String, help: Option<String>) {
        self.errors += 1;
        if self.errors <= TOLD_MAX {
            self.diagnostics.error(place, message, help);
        }
    }

    pub fn warning(&mut self, place: &Place, message: String, help: Option<String>) {
        self.warnings += 1;
        if self.warnings <= TOLD_MAX {
            self.diagnostics.warning(place, message, help);
        }
    }

    /// An error of the zone rather than of a record.
    pub fn zone_error(&mut self, message: String, help: Option<String>) {
        self.error(&self.whole.clone(), message, help);
    }

    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether reading on is pointless.
    pub fn is_full(&self) -> bool {
        self.errors > TOLD_MAX
    }

    /// True when the zone may be used.
    pub fn finish(self) -> bool {
        if self.errors > TOLD_MAX {
            let message = format!("more than {TOLD_MAX} errors; the rest is not shown");
            self.diagnostics.error(&self.whole, message, None);
        }
        if self.warnings > TOLD_MAX {
            let more = self.warnings - TOLD_MAX;
            let message = format!("{more} more warnings are not shown");
            self.diagnostics.warning(&self.whole, message, None);
        }
        self.errors == 0
    }
}
