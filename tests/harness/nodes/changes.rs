//! Nodes that come, go and move.

use std::net::SocketAddr;
use std::thread;

use anyhow::ensure;
use bascule_api::client::Context;

use super::{FORM_LIMIT, Nodes, Plan, free_port};
use crate::Outcome;
use crate::links::Links;

impl Nodes {
    /// The first `count` nodes of the plan; the others have a configuration and nothing else, and [`Nodes::admit`] makes them.
    ///
    /// # Errors
    /// As [`Nodes::form`].
    pub async fn begin(plan: &Plan, count: u64) -> Outcome<Self> {
        let mut nodes = Self::first(plan)?;
        for number in 2..=count {
            nodes.admit(number).await?;
        }
        nodes.whole_among(&(1..=count).collect::<Vec<u64>>(), FORM_LIMIT).await?;
        Ok(nodes)
    }

    /// Makes the next node by a token for its zone, and starts it.
    ///
    /// # Errors
    /// It is not let in, or does not start.
    pub async fn admit(&mut self, number: u64) -> Outcome {
        let zone = self.zone(number)?.to_owned();
        let token = self.token(&zone).await?;
        let said = self.join(number, &token)?;
        ensure!(said.code == Some(0), "node {number} was not let in: {}", said.errors);
        ensure!(
            said.output.contains(&format!("node {number} of")),
            "node {number} has another number: {}",
            said.output
        );
        self.start(number)
    }

    /// As the operator, at the place of every node of the plan, whether it is there or not.
    ///
    /// # Errors
    /// The first node was never started.
    pub fn places(&self) -> Outcome<Vec<Context>> {
        let operator = self.context(1)?;
        self.numbers().into_iter().map(|number| self.at(number, &operator)).collect()
    }

    /// Where each node takes its peers.
    #[must_use]
    pub fn peer_addresses(&self) -> Vec<SocketAddr> {
        self.places.iter().map(|place| place.peer).collect()
    }

    /// Stops every node in order, all at once.
    ///
    /// # Errors
    /// One does not end, or ends with a failure.
    pub fn stop_all(&mut self) -> Outcome {
        for daemon in &self.daemons {
            daemon.ask_to_stop()?;
        }
        for daemon in &mut self.daemons {
            let status = daemon.await_end()?;
            ensure!(status.success(), "basculed ended with {status}:\n{}", daemon.log_end());
        }
        Ok(())
    }

    /// Starts every node, all at once: none serves before a quorum is there.
    ///
    /// # Errors
    /// One does not serve.
    pub fn start_all(&mut self) -> Outcome {
        thread::scope(|scope| {
            let starting: Vec<_> = self.daemons.iter_mut().map(|daemon| scope.spawn(|| daemon.start_again())).collect();
            starting.into_iter().try_for_each(|start| match start.join() {
                Ok(started) => started,
                Err(_) => anyhow::bail!("a start panicked"),
            })
        })
    }

    /// Gives every node, all of which are stopped, another address and other wires, and tells each the others' in its configuration.
    ///
    /// # Errors
    /// No port is free, or a file cannot be written.
    pub fn move_all(&mut self) -> Outcome {
        // Held until all are found, and the old ones are not among them.
        let mut held = Vec::new();
        let old = self.peer_addresses();
        while held.len() < self.places.len() {
            let listener = free_port()?;
            if !old.contains(&listener.local_addr()?) {
                held.push(listener);
            }
        }
        for (place, listener) in self.places.iter_mut().zip(&held) {
            place.peer = listener.local_addr()?;
        }
        let wired: Vec<(u64, SocketAddr)> = self.places.iter().map(|place| (place.number, place.peer)).collect();
        self.links = Links::between(&wired)?;
        self.places.iter().try_for_each(|place| self.configure(place))
    }

    /// Gives a node that is stopped another address, of which the others' configurations know nothing.
    ///
    /// # Errors
    /// There is no such node, no port is free, or a file cannot be written.
    pub fn move_one(&mut self, number: u64) -> Outcome {
        let address = free_port()?.local_addr()?;
        for place in self.places.iter_mut().filter(|place| place.number == number) {
            place.peer = address;
        }
        self.configure(self.place(number)?)
    }
}
