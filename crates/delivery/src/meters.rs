//! The room's instruments.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::book::Attempted;

/// Counts and times of attempts.
pub(crate) struct Meters {
    attempts: Counter<u64>,
    durations: Histogram<f64>,
}

impl Meters {
    pub(crate) fn new(meter: &Meter) -> Self {
        let attempts = meter
            .u64_counter("bascule.delivery.attempts")
            .with_description("Attempts by kind of target and outcome.")
            .with_unit("{attempt}")
            .build();
        let durations = meter
            .f64_histogram("bascule.delivery.attempt.duration")
            .with_description("Time of an attempt from its start to its outcome.")
            .with_unit("s")
            .build();
        Self { attempts, durations }
    }

    pub(crate) fn attempted(&self, kind: &'static str, attempted: &Attempted, took_ms: u64) {
        let outcome = match attempted {
            Attempted::Taken | Attempted::Settled => "delivered",
            Attempted::Failed { .. } | Attempted::NoKey { .. } => "retryable",
            Attempted::Refused { .. } | Attempted::Undecryptable => "permanent",
            Attempted::Cancelled => "cancelled",
        };
        let kind = KeyValue::new("kind", kind);
        self.durations.record(took_ms as f64 / 1_000.0, std::slice::from_ref(&kind));
        self.attempts.add(1, &[kind, KeyValue::new("outcome", outcome)]);
    }
}
