//! Figures: what rooms count and measure, in one registry, read as Prometheus text.

use std::sync::Arc;

use bascule_model::ambient::Clock;
use bascule_pki::server::ServerTls;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, MeterProvider};
use opentelemetry_sdk::metrics::{Aggregation, Instrument, InstrumentKind, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::error::Error;
use crate::lookout;

/// Upper ends of a duration's buckets.
const SECONDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The registry, and where rooms get their instruments.
pub struct Figures {
    registry: Registry,
    provider: SdkMeterProvider,
}

impl Figures {
    /// An empty registry.
    ///
    /// # Errors
    /// [`Error::Metrics`].
    pub fn start() -> Result<Self, Error> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build();
        let exporter = exporter.map_err(|error| Error::Metrics { why: error.to_string() })?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).with_view(in_seconds).build();
        Ok(Self { registry, provider })
    }

    /// Makes instruments; their names begin with `bascule`.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.provider.meter("bascule")
    }

    /// Everything as Prometheus text.
    ///
    /// # Errors
    /// The encoder's words.
    pub fn text(&self) -> Result<String, String> {
        TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(|error| error.to_string())
    }
}

/// Durations are measured in seconds, where the library's own buckets begin at five of them.
fn in_seconds(instrument: &Instrument) -> Option<Stream> {
    let name = instrument.name();
    let measured = ["duration", "duration_seconds", "latency", "lag"].iter().any(|end| name.ends_with(end));
    if instrument.kind() != InstrumentKind::Histogram || !measured {
        return None;
    }
    let boundaries = SECONDS.to_vec();
    let aggregation = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: false };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

/// Figures of the process itself, from its start on.
pub fn watch_process(meter: &Meter, clock: Arc<dyn Clock>) {
    let began = clock.boot();
    meter
        .f64_observable_gauge("bascule_uptime_seconds")
        .with_description("Time since this process began.")
        .with_callback(move |seen| seen.observe(clock.boot().since(began) as f64 / 1_000.0, &[]))
        .build();
    meter
        .u64_observable_gauge("bascule_build_info")
        .with_description("Always 1; its labels say what was built.")
        .with_callback(|seen| {
            let planted = if cfg!(feature = "planted") { "yes" } else { "no" };
            seen.observe(1, &[KeyValue::new("version", env!("CARGO_PKG_VERSION")), KeyValue::new("planted", planted)]);
        })
        .build();
}

/// Figures of the listener's certificates; the counter counts reloads that failed.
#[must_use]
pub fn watch_certificates(meter: &Meter, tls: &Arc<ServerTls>, clock: Arc<dyn Clock>) -> Counter<u64> {
    let weak = Arc::downgrade(tls);
    meter
        .i64_observable_gauge("bascule_cert_expiry_timestamp_seconds")
        .with_description("When the certificate or list in use is over, in seconds since the Unix epoch.")
        .with_callback(move |seen| {
            let Some(tls) = weak.upgrade() else { return };
            seen.observe(tls.leaf().not_after_unix_s, &[KeyValue::new("purpose", "server")]);
            if let Some(until) = tls.crls_until_unix_s() {
                seen.observe(until, &[KeyValue::new("purpose", "revocation-list")]);
            }
        })
        .build();
    let weak = Arc::downgrade(tls);
    meter
        .u64_observable_gauge("bascule_revocation_list_alarm")
        .with_description(
            "0 while revocation lists hold or there are none, 1 from a day before the first ends, 2 once it is over.",
        )
        .with_callback(move |seen| {
            let Some(tls) = weak.upgrade() else { return };
            let now = i64::try_from(clock.wall().0 / 1_000).unwrap_or(i64::MAX);
            seen.observe(lookout::lists(tls.crls_until_unix_s(), now) as u64, &[]);
        })
        .build();
    let failures = reload_failures(meter);
    failures.add(0, &[]);
    failures
}

/// Figures of the certificates towards peers; the counter is that of all certificates.
#[must_use]
pub fn watch_peer_certificates(meter: &Meter, tls: &Arc<ServerTls>) -> Counter<u64> {
    let weak = Arc::downgrade(tls);
    meter
        .i64_observable_gauge("bascule_peer_cert_expiry_timestamp_seconds")
        .with_description("When the node's certificate towards its peers is over, in seconds since the Unix epoch.")
        .with_callback(move |seen| {
            let Some(tls) = weak.upgrade() else { return };
            seen.observe(tls.leaf().not_after_unix_s, &[]);
        })
        .build();
    reload_failures(meter)
}

fn reload_failures(meter: &Meter) -> Counter<u64> {
    meter
        .u64_counter("bascule_cert_reload_failures")
        .with_description("Reloads of certificates that failed and left the old ones in use.")
        .build()
}

#[cfg(test)]
mod tests {
    use crate::ambient::System;

    use super::*;

    #[test]
    fn figures_are_read_with_their_prefix_and_nothing_else_is() {
        let figures = Figures::start().unwrap();
        let meter = figures.meter();
        watch_process(&meter, Arc::new(System));
        meter.u64_counter("bascule.put.entries").with_unit("{entry}").build().add(3, &[]);
        meter.f64_histogram("bascule.call.duration").with_unit("s").build().record(0.003, &[]);
        let text = figures.text().unwrap();
        assert!(text.contains("bascule_put_entries_total 3"), "{text}");
        assert!(text.contains("bascule_uptime_seconds ") && text.contains("bascule_build_info{"), "{text}");
        assert!(text.contains("bascule_call_duration_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
        assert!(text.contains("bascule_call_duration_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.starts_with("bascule_") && !line.contains("otel_scope"), "{line}");
        }
    }
}
