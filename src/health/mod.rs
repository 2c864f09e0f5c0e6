//! Which endpoints are up: schedule, probes, thresholds, verdicts.
