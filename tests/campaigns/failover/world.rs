//! A cluster with everything around it: receiver, rules, callers, and the account of every event and every written tag.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bascule_api::admin::v1::{DrainNodeRequest, ResumeNodeRequest};
use bascule_api::v1::DescribeQueueRequest;
use bascule_tests::Outcome;
use bascule_tests::client::{signing, target};
use bascule_tests::receiver::Receiver;
use bascule_tests::wait;

use crate::arrivals::{Messages, Requests};
use crate::failover::board::Board;
use crate::failover::cluster::{Cluster, GROUPS, Manner, NODES};
use crate::failover::load::{self, LOOK_MS, Load, PRODUCERS, QUEUE, SOURCE};
use crate::failover::oracle::{Lane, Oracle};
use crate::failover::plan::Role;
use crate::failover::session::Door;
use crate::failover::sight::Sight;

/// Until all replicas have caught up, and until what was acknowledged has arrived, without load: what takes longer does not come.
const HEAL_LIMIT: Duration = Duration::from_secs(120);
/// So long the load goes on meanwhile: on a machine that is busy it may keep the rest from what they have to do.
const LOADED_LIMIT: Duration = Duration::from_secs(20);
/// The same where a fault is planted, and what is missing is what is looked for.
const PLANTED_LIMIT: Duration = Duration::from_secs(20);
/// Rules whose tags are written.
const TAGGED: usize = 5;
/// How long leads may take to move to where they are wanted.
const STEER_LIMIT: Duration = Duration::from_secs(3);
/// How long callers may take to come to rest.
const REST_LIMIT: Duration = Duration::from_secs(30);
/// How long the load before a fault may take, on a machine that does other work too.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// Everything.
pub struct World {
    // Callers go first, and the nodes last.
    load: Option<Load>,
    /// What callers write down.
    pub board: Arc<Board>,
    /// The account.
    pub oracle: Oracle,
    /// A way to each node.
    pub doors: Vec<Door>,
    rules: Vec<String>,
    requests: Requests,
    messages: Messages,
    _receiver: Receiver,
    /// How long everything may take that must come.
    patience: Duration,
    lost_writes: u64,
    /// The daemons.
    pub cluster: Cluster,
}

impl World {
    /// Founds a cluster in this folder and makes all that is needed. Nobody calls yet.
    ///
    /// # Errors
    /// A daemon's, or a refusal.
    pub async fn build(home: &Path, manner: &Manner, is_planted: bool) -> Outcome<Self> {
        let cluster = Cluster::form(home, manner).await?;
        let nodes = &cluster.nodes;
        let mut doors = Vec::new();
        for id in nodes.numbers() {
            doors.push(Door::to(id, nodes.context(id)?, LOOK_MS));
        }
        let receiver = nodes.receiver()?;
        let client = nodes.client(1).await?;
        let hook = client.destination("hook", &receiver.url("/ok/hook"), signing()).await?;
        let queue = client.queue(QUEUE).await?;
        for (name, arn, lane) in [("hook", hook, Lane::Hook), ("queue", queue, Lane::Queue)] {
            client.rule("", name, &pattern(lane)).await?;
            client.targets("", name, vec![target(name, &arn)]).await?;
        }
        let mut rules = Vec::new();
        for number in 0..TAGGED {
            rules.push(client.rule("", &format!("tagged-{number}"), r#"{"source":["nobody"]}"#).await?);
        }
        let board = Arc::new(Board::new(PRODUCERS, Instant::now()));
        let requests = Requests::of(&receiver);
        let (oracle, messages) = (Oracle::default(), Messages::default());
        let patience = if is_planted { PLANTED_LIMIT } else { HEAL_LIMIT };
        Ok(Self {
            load: None,
            patience,
            lost_writes: 0,
            board,
            oracle,
            doors,
            rules,
            requests,
            messages,
            _receiver: receiver,
            cluster,
        })
    }

    /// Lets all callers begin.
    ///
    /// # Errors
    /// A file of a certificate cannot be read.
    pub fn begin(&mut self) -> Outcome {
        self.board.begin_gaps(Instant::now());
        self.load = Some(load::start(&self.cluster.nodes.contexts()?, &self.board, &self.rules)?);
        Ok(())
    }

    /// Ends all callers, and stops the daemons in order.
    ///
    /// # Errors
    /// One does not end, or ends with a failure.
    pub fn stop(self) -> Outcome {
        drop(self.load);
        self.cluster.stop()
    }

    /// Calls of producers without an answer: at all nodes, and at one.
    #[must_use]
    pub fn unanswered(&self, node: u64) -> (usize, usize) {
        let Some(load) = &self.load else { return (0, 0) };
        // Nodes are numbered from 1, in the order of the contexts.
        let at = |number: u64| load.puts.open_calls(usize::try_from(number).unwrap_or(0).wrapping_sub(1));
        (self.cluster.nodes.numbers().into_iter().map(at).sum(), at(node))
    }

    /// Waits until all replicas of all groups are there and have caught up, under load.
    ///
    /// # Errors
    /// They have not for a while, which is slow and may be no more.
    pub async fn whole(&mut self) -> Outcome<Sight> {
        whole(&mut self.doors, LOADED_LIMIT.min(self.patience)).await
    }

    /// The same without load: what does not come then is stuck.
    ///
    /// # Errors
    /// They have not in time.
    pub async fn whole_at_rest(&mut self) -> Outcome<Sight> {
        self.board.hold(true);
        let sight = whole(&mut self.doors, self.patience).await;
        self.board.hold(false);
        sight
    }

    /// The newest that nodes say, of those that answer.
    ///
    /// # Errors
    /// None does.
    pub async fn sight(&mut self) -> Outcome<Sight> {
        match Sight::all(&mut self.doors).await {
            Ok(sights) => Ok(Sight::newest(&sights)),
            Err(_) => Sight::any(&mut self.doors).await,
        }
    }

    /// Sees to it that somebody has this role, if that can be had by draining a node; the drained one.
    ///
    /// # Errors
    /// Nobody says what he sees, or refuses.
    pub async fn steer(&mut self, role: Role) -> Outcome<Option<u64>> {
        let nodes = self.cluster.nodes.numbers();
        let sight = self.sight().await?;
        let Some(node_id) = sight.to_drain(role, &nodes).filter(|_| !sight.has(role, &nodes)) else { return Ok(None) };
        wait::until("a node drains", HEAL_LIMIT, async || {
            let client = self.door()?.client().await?;
            let request = DrainNodeRequest { node_id, ..DrainNodeRequest::default() };
            // Somebody else's change may have come between: it is asked again.
            Ok(client.session().cluster().drain_node(request).await.ok())
        })
        .await?;
        let waited = wait::until("somebody has the role", STEER_LIMIT, async || {
            Ok(self.sight().await?.has(role, &nodes).then_some(()))
        });
        // Leads that were moved just now stay for a while: then it is whoever comes nearest.
        let _ = waited.await;
        Ok(Some(node_id))
    }

    /// Lets a node that was drained lead again.
    ///
    /// # Errors
    /// The refusal.
    pub async fn resume(&mut self, node_id: u64) -> Outcome {
        wait::until("a node that was drained leads again", HEAL_LIMIT, async || {
            let client = self.door()?.client().await?;
            let request = ResumeNodeRequest { node_id, ..ResumeNodeRequest::default() };
            Ok(client.session().cluster().resume_node(request).await.ok().map(drop))
        })
        .await
    }

    fn door(&mut self) -> Outcome<&mut Door> {
        self.doors.first_mut().context("there is no node")
    }

    /// Takes in what callers were told and what arrived.
    ///
    /// # Errors
    /// Something arrived that is no event of a campaign.
    pub fn take_in(&mut self) -> Outcome {
        self.board.puts().into_iter().for_each(|put| self.oracle.put(put));
        for (_, event) in self.requests.taken()? {
            self.oracle.arrived(Lane::Hook, event);
        }
        for event in self.messages.fresh(self.board.messages())? {
            self.oracle.arrived(Lane::Queue, event);
        }
        Ok(())
    }

    /// Waits until everything that is acknowledged by now has arrived: under load, and if need be without.
    ///
    /// # Errors
    /// It has not in time.
    pub async fn drained(&mut self) -> Outcome {
        self.take_in()?;
        let of_first = self.oracle.acknowledgements();
        if self.arrived(of_first, LOADED_LIMIT.min(self.patience)).await.is_ok() {
            return Ok(());
        }
        let was_held = self.board.is_held();
        self.board.hold(true);
        let arrived = self.arrived(of_first, self.patience).await;
        self.board.hold(was_held);
        let Err(error) = arrived else { return Ok(()) };
        let (missing, some) = (self.oracle.missing(of_first), self.oracle.named_missing());
        let told = self.told().await;
        Err(error.context(format!(
            "{missing} of {of_first} acknowledged events are missing, among them {some:?}; the cluster says: {told}"
        )))
    }

    async fn arrived(&mut self, of_first: u64, limit: Duration) -> Outcome {
        wait::until("all that was acknowledged has arrived", limit, async || {
            self.take_in()?;
            Ok((self.oracle.missing(of_first) == 0).then_some(()))
        })
        .await
    }

    /// What the cluster itself says of its groups and of what is pending: late is not lost.
    async fn told(&mut self) -> String {
        let sight = match Sight::any(&mut self.doors).await {
            Ok(sight) => format!("{sight:?}"),
            Err(error) => format!("{error:#}"),
        };
        let mut told = vec![sight];
        for door in &mut self.doors {
            for lane in ["hook", "queue"] {
                let counts = match door.client().await {
                    Ok(client) => client.counts("", lane, lane).await,
                    Err(error) => Err(error),
                };
                told.push(match counts {
                    Ok(counts) => format!("`{lane}` by node {}: {counts:?}", door.node),
                    Err(error) => format!("`{lane}` by node {}: {error:#}", door.node),
                });
            }
        }
        told.push(match self.queue_depth().await {
            Ok(depth) => format!("{depth} messages lie in the queue"),
            Err(error) => format!("the queue: {error:#}"),
        });
        told.join("; ")
    }

    /// Messages in the queue, those that somebody has included.
    async fn queue_depth(&mut self) -> Outcome<u64> {
        let request = DescribeQueueRequest { queue_name: QUEUE.to_owned(), ..DescribeQueueRequest::default() };
        let told = self.door()?.client().await?.session().queues().describe_queue(request).await?.into_inner();
        Ok(told.visible_message_count + told.in_flight_message_count)
    }

    /// Holds all callers, and looks for every event and every written tag. What is wrong, in words.
    ///
    /// # Errors
    /// What keeps one from looking.
    pub async fn audit(&mut self) -> Outcome<Vec<String>> {
        self.board.hold(true);
        let wrong = self.look().await;
        self.board.hold(false);
        wrong
    }

    async fn look(&mut self) -> Outcome<Vec<String>> {
        let board = Arc::clone(&self.board);
        wait::until("callers at rest", REST_LIMIT, async || Ok(board.is_quiet().then_some(()))).await?;
        let mut wrong = Vec::new();
        if let Err(error) = self.drained().await {
            wrong.push(format!("{error:#}"));
        }
        wrong.extend(self.oracle.wrong());
        for door in &mut self.doors {
            match load::held(door, &self.rules).await {
                Ok(held) => {
                    let lost = self.board.writes().wrong(&held);
                    self.lost_writes = self.lost_writes.max(lost.len() as u64);
                    if let Some(first) = lost.first() {
                        wrong.push(format!(
                            "node {}: {} slots hold what they must not: {first}",
                            door.node,
                            lost.len()
                        ));
                    }
                }
                Err(error) => wrong.push(format!("node {} does not say which tags there are: {error:#}", door.node)),
            }
        }
        Ok(wrong)
    }

    /// What was acknowledged and is not there: events, and writes of the control plane as far as they were looked for.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.oracle.missing(u64::MAX) + self.lost_writes
    }

    /// Waits until so many events are acknowledged.
    ///
    /// # Errors
    /// They are not in time.
    pub async fn acknowledged(&self, count: u64) -> Outcome {
        let board = &self.board;
        let waited = wait::until("enough is acknowledged", LOAD_LIMIT, async || {
            Ok((board.acknowledged() >= count).then_some(()))
        });
        waited
            .await
            .map_err(|error| error.context(format!("{} of {count} are, {:?}", board.acknowledged(), board.refusals())))
    }
}

async fn whole(doors: &mut [Door], limit: Duration) -> Outcome<Sight> {
    let mut last = String::new();
    let (groups, replicas) = (GROUPS as usize + 1, NODES as usize);
    let waited = wait::until("all replicas have caught up", limit, async || match Sight::all(doors).await {
        Ok(sights) if sights.iter().all(|sight| sight.is_whole(groups, replicas)) => Ok(Some(Sight::newest(&sights))),
        Ok(sights) => {
            last = format!("{sights:?}");
            Ok(None)
        }
        Err(error) => {
            last = format!("{error:#}");
            Ok(None)
        }
    });
    waited.await.map_err(|error| error.context(format!("the last sight: {last}")))
}

fn pattern(lane: Lane) -> String {
    let ends: Vec<String> = lane.ends().iter().map(|end| format!(r#"{{"wildcard":"*-*{end}"}}"#)).collect();
    format!(r#"{{"source":["{SOURCE}"],"detail":{{"mark":[{}]}}}}"#, ends.join(","))
}
