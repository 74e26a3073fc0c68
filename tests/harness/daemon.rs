//! A running `basculed`, `dev` or a node with a configuration: started, asked where it listens, killed, stopped and started again; its log is shown at the end.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bascule_api::client::Context;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;

use crate::Outcome;
use crate::binaries::Program;

/// How long a start may take, recovery included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long an orderly stop may take; the daemon's own limit is 30 s.
const STOP_LIMIT: Duration = Duration::from_secs(45);
/// Lines of the log that are shown when a daemon is dropped.
const SHOWN_LINES: usize = 40;

/// How a daemon is started. What is not said is the daemon's default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder around data, keys and certificates, kept; none: one that is made, and goes with the [`Daemon`].
    pub home: Option<PathBuf>,
    /// Another binary.
    pub binary: Option<PathBuf>,
    /// More environment.
    pub environment: Vec<(String, String)>,
    /// Settings, `section.key=value`.
    pub settings: Vec<String>,
    /// Where it serves gRPC, at every start; none: where the system finds a place, at each start another.
    pub grpc: Option<SocketAddr>,
    /// The configuration of a node that was made by `init` or `join`; none: `basculed dev`.
    pub config: Option<PathBuf>,
}

impl Options {
    /// A node with this configuration, whose folder around everything is `home`.
    #[must_use]
    pub fn config(mut self, config: &Path) -> Self {
        self.config = Some(config.to_owned());
        self
    }

    /// In this folder, which is kept.
    #[must_use]
    pub fn home(mut self, home: &Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// This binary.
    #[must_use]
    pub fn binary(mut self, binary: &Path) -> Self {
        self.binary = Some(binary.to_owned());
        self
    }

    /// With this in its environment, for instance `BASCULE_PLANT`.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this setting, for instance `log.level=debug`.
    #[must_use]
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// At this address, so that its clients find it again.
    #[must_use]
    pub const fn grpc(mut self, address: SocketAddr) -> Self {
        self.grpc = Some(address);
        self
    }
}

/// A daemon. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    options: Options,
    binary: PathBuf,
    home: PathBuf,
    _passing: Option<TempDir>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    grpc: SocketAddr,
    admin: SocketAddr,
}

/// A daemon that does not serve yet.
#[derive(Debug)]
pub struct Starting {
    lines: Receiver<String>,
}

/// The line that `basculed` prints when it serves.
#[derive(Debug, Deserialize)]
struct Ready {
    event: String,
    grpc: SocketAddr,
    admin: SocketAddr,
}

/// `context.toml`, beside which its files lie.
#[derive(Debug, Deserialize)]
struct ContextFile {
    endpoint: String,
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Daemon {
    /// Starts a daemon and waits until it serves.
    ///
    /// # Errors
    /// There is no binary, or it ended or said nothing within a minute.
    pub fn start(options: &Options) -> Outcome<Self> {
        let binary = match &options.binary {
            Some(binary) => binary.clone(),
            None => Program::Daemon.find()?,
        };
        let passing = match &options.home {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("bascule-test-").tempdir()?),
        };
        let home = options.home.clone().or_else(|| passing.as_ref().map(|folder| folder.path().to_owned()));
        let home = home.context("a daemon needs a folder")?;
        fs::create_dir_all(&home)?;
        let mut daemon = Self { options: options.clone(), binary, home, _passing: passing, running: None };
        daemon.start_again()?;
        Ok(daemon)
    }

    /// Starts it again in the same folder; its ports are others, unless one was given. Does nothing if it runs.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_again(&mut self) -> Outcome {
        if self.running.is_some() {
            return Ok(());
        }
        let starting = self.launch(&[])?;
        self.serving(&starting)
    }

    /// Starts one that does not run, with these words on its command line; it serves once [`Daemon::serving`] says so.
    ///
    /// # Errors
    /// It runs, or the system's.
    pub fn launch(&mut self, words: &[&str]) -> Outcome<Starting> {
        ensure!(self.running.is_none(), "the daemon runs");
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new(&self.binary);
        match &self.options.config {
            Some(config) => {
                command.arg("--config").arg(config);
            }
            None => {
                let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
                command.args(["dev", "--grpc", &self.options.grpc.unwrap_or(anywhere).to_string()]);
                command.args(["--admin", &anywhere.to_string(), "--data"]).arg(&self.home);
            }
        }
        for setting in &self.options.settings {
            command.arg("--set").arg(setting);
        }
        command.args(words);
        command.envs(self.options.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("`{}` cannot be started", self.binary.display()))?;
        let output = child.stdout.take();
        // From here on whatever fails kills it: `Running` is dropped.
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        self.running = Some(Running { child, grpc: unknown, admin: unknown });
        let (send, lines) = mpsc::channel();
        let output = output.context("its output is not piped")?;
        // Reads on to the end, or the daemon would stand still at a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Ok(Starting { lines })
    }

    /// Waits until it serves. One that does not is killed.
    ///
    /// # Errors
    /// It ended, or said nothing within a minute.
    pub fn serving(&mut self, starting: &Starting) -> Outcome {
        match self.await_ready(starting) {
            Ok(ready) => {
                let running = self.running.as_mut().context("the daemon does not run")?;
                (running.grpc, running.admin) = (ready.grpc, ready.admin);
                Ok(())
            }
            Err(error) => {
                self.running = None;
                Err(error)
            }
        }
    }

    fn await_ready(&mut self, starting: &Starting) -> Outcome<Ready> {
        match starting.lines.recv_timeout(START_LIMIT) {
            Ok(line) => {
                let ready: Ready = serde_json::from_str(&line).with_context(|| format!("no ready line: `{line}`"))?;
                ensure!(ready.event == "ready", "no ready line: `{line}`");
                Ok(ready)
            }
            Err(RecvTimeoutError::Timeout) => {
                bail!("basculed said nothing within {START_LIMIT:?}:\n{}", self.log_end())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let running = self.running.as_mut().context("the daemon does not run")?;
                let status = running.child.wait()?;
                bail!("basculed ended before it served, {status}:\n{}", self.log_end())
            }
        }
    }

    fn alive(&self) -> Outcome<&Running> {
        self.running.as_ref().context("the daemon does not run")
    }

    /// Where it serves gRPC.
    ///
    /// # Errors
    /// It does not run.
    pub fn grpc(&self) -> Outcome<SocketAddr> {
        Ok(self.alive()?.grpc)
    }

    /// Where it serves health and figures.
    ///
    /// # Errors
    /// It does not run.
    pub fn admin(&self) -> Outcome<SocketAddr> {
        Ok(self.alive()?.admin)
    }

    /// Its process.
    ///
    /// # Errors
    /// It does not run.
    pub fn pid(&self) -> Outcome<u32> {
        Ok(self.alive()?.child.id())
    }

    /// Whether it has not ended by itself.
    ///
    /// # Errors
    /// The system's.
    pub fn is_running(&mut self) -> Outcome<bool> {
        let Some(running) = &mut self.running else { return Ok(false) };
        Ok(running.child.try_wait()?.is_none())
    }

    /// As the operator: what `context.toml` says.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn context(&self) -> Outcome<Context> {
        let path = self.context_path();
        let text = fs::read_to_string(&path).with_context(|| format!("`{}`", path.display()))?;
        let file: ContextFile = toml::from_str(&text)?;
        let read = |name: &Path| fs::read(self.home.join(name)).with_context(|| format!("`{}`", name.display()));
        Ok(Context {
            endpoint: file.endpoint,
            ca: read(&file.ca)?,
            cert: read(&file.certificate)?,
            key: read(&file.key)?,
        })
    }

    /// The context file, for the command line.
    #[must_use]
    pub fn context_path(&self) -> PathBuf {
        self.home.join("context.toml")
    }

    /// The folder around everything.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// The folder of certificates.
    #[must_use]
    pub fn pki(&self) -> PathBuf {
        self.home.join("pki")
    }

    /// What it wrote to its standard error, over all starts.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.home.join("daemon.log")
    }

    /// Kills it as a power cut would: no handler runs. One that ended by itself is dead already.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn kill9(&mut self) -> Outcome {
        let mut running = self.running.take().context("the daemon does not run")?;
        running.child.kill()?;
        running.child.wait()?;
        Ok(())
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// It does not run, does not end in time, or the system's.
    pub fn terminate(&mut self) -> Outcome<ExitStatus> {
        self.ask_to_stop()?;
        self.await_end()
    }

    /// Waits for the end of one that was told to stop: told twice, it would stop at once.
    ///
    /// # Errors
    /// As [`Daemon::terminate`].
    pub fn await_end(&mut self) -> Outcome<ExitStatus> {
        let mut running = self.running.take().context("the daemon does not run")?;
        let began = Instant::now();
        loop {
            if let Some(status) = running.child.try_wait()? {
                return Ok(status);
            }
            ensure!(began.elapsed() < STOP_LIMIT, "basculed did not stop within {STOP_LIMIT:?}:\n{}", self.log_end());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it in order, sees that it ended well, and starts it again.
    ///
    /// # Errors
    /// As [`Daemon::terminate`] and [`Daemon::start`]; or it ended with a failure.
    pub fn restart(&mut self) -> Outcome {
        let status = self.terminate()?;
        ensure!(status.success(), "basculed ended with {status}:\n{}", self.log_end());
        self.start_again()
    }

    /// Tells it to read its certificates anew.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn reload(&self) -> Outcome {
        self.signal(Signal::HUP)
    }

    /// Tells it to stop in order, and does not wait.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn ask_to_stop(&self) -> Outcome {
        self.signal(Signal::TERM)
    }

    /// Holds it where it stands, as a machine that hangs: its connections stay, nobody answers on them.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn pause(&self) -> Outcome {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It does not run, or the system's.
    pub fn go_on(&self) -> Outcome {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = Pid::from_child(&self.alive()?.child);
        kill_process(pid, signal).context("the signal was not sent")
    }

    /// Memory that it holds now, in bytes.
    ///
    /// # Errors
    /// It does not run, or `/proc` is not there.
    pub fn rss_bytes(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1_024)
    }

    /// The end of its log.
    #[must_use]
    pub fn log_end(&self) -> String {
        let Ok(file) = File::open(self.log_path()) else { return "no log".to_owned() };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Daemon {
    #[expect(clippy::print_stderr, reason = "runners show what a test prints where it failed, and only there")]
    fn drop(&mut self) {
        self.running = None;
        eprintln!("--- the end of {}:\n{}\n---", self.log_path().display(), self.log_end());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
