//! The room's instruments.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::book::Attempted;

/// Counts and times of attempts.
pub(crate) struct Meters {
    attempts: Counter<u64>,
    durations: Histogram<f64>,
    broken: Counter<u64>,
    full: Counter<u64>,
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
        let broken = meter
            .u64_counter("bascule.delivery.followers.broken")
            .with_description("Times that a group's follower could not go on and began anew.")
            .build();
        let full = meter
            .u64_counter("bascule.delivery.dead_letters.expired")
            .with_description("Dead letters that were dropped since their bus's own table is full.")
            .build();
        Self { attempts, durations, broken, full }
    }

    pub(crate) fn broke(&self) {
        self.broken.add(1, &[]);
    }

    pub(crate) fn table_full(&self, letters: u64) {
        self.full.add(letters, &[]);
    }

    pub(crate) fn attempted(&self, kind: &'static str, attempted: &Attempted, took_ms: u64) {
        let outcome = match attempted {
            Attempted::Taken | Attempted::Settled => "delivered",
            Attempted::Failed { .. } => "retryable",
            Attempted::Held { .. } | Attempted::NoKey { .. } => "held",
            Attempted::Forbidden { .. } => "forbidden",
            Attempted::Refused { .. } | Attempted::Undecryptable => "permanent",
            Attempted::Cancelled => "cancelled",
        };
        let kind = KeyValue::new("kind", kind);
        self.durations.record(took_ms as f64 / 1_000.0, std::slice::from_ref(&kind));
        self.attempts.add(1, &[kind, KeyValue::new("outcome", outcome)]);
    }
}
