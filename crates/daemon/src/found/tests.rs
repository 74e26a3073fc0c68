//! What `init` makes stands, and whatever is wrong with it later stops a start.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use bascule_pki::inventory;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;
use crate::ambient::{self, Ends, Leads, System, Tasks};
use crate::certificates::issue::{self, Whose};
use crate::certificates::revoke::{self, Which};
use crate::config::{self, Sources};
use crate::error::{EXIT_CONFIG, EXIT_FAILURE};
use crate::ground::{Air, lay};
use crate::planted::Plant;

struct Place {
    outer: TempDir,
    runtime: Runtime,
}

impl Place {
    fn new() -> Self {
        Self { outer: tempfile::tempdir().unwrap(), runtime: ambient::runtime("test", Some(1)).unwrap() }
    }

    /// A cluster that `init` has made here.
    fn founded() -> Self {
        let place = Self::new();
        place.init(&[]).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outer.path().join(name)
    }

    fn settings(&self, flags: &[&str]) -> Settings {
        let path = |name: &str| self.at(name).display().to_string();
        let presumed = vec![
            ("node.data", path("data")),
            ("node.region", "us-east-1".to_owned()),
            ("node.account", "000000000000".to_owned()),
            ("tls.folder", path("pki")),
            ("keys.root", path("keys/root.key")),
            // Wherever the tests run, there is one authority.
            ("delivery.roots", path("pki/authority.pem")),
        ];
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        config::read(&Sources { presumed, flags, ..Sources::default() }).unwrap()
    }

    fn init(&self, flags: &[&str]) -> Result<(), Error> {
        let entropy: Arc<dyn Entropy> = Arc::new(System);
        found(&self.settings(flags), &System, &entropy).map(drop)
    }

    /// As a start does, up to where disks would be opened.
    fn start(&self, flags: &[&str]) -> Result<(), Error> {
        let settings = self.settings(flags);
        let folder = Folder::open(&settings.node.data)?;
        let air = Air { clock: Arc::new(System), entropy: Arc::new(System) };
        let tasks = Arc::new(Tasks::on(self.runtime.handle(), &Ends::default(), Leads::Terms));
        lay(&settings, &folder, &air, Plant::Nothing, tasks).map(drop)
    }

    fn check(&self, flags: &[&str], said: &str) {
        let error = self.start(flags).expect_err(said);
        assert!(error.chain().contains(said), "{}", error.chain());
        assert_eq!(error.exit(), EXIT_CONFIG, "{}", error.chain());
    }
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn what_init_makes_can_be_started_and_is_for_its_owner_alone() {
    let place = Place::founded();
    place.start(&[]).unwrap();
    for name in
        ["keys/root.key", "pki/authority.key", "pki/node.key", "pki/server.key", "pki/operator.key", "data/keys"]
    {
        assert_eq!(mode(&place.at(name)), 0o600, "{name}");
    }
    for name in ["keys", "pki", "data"] {
        assert_eq!(mode(&place.at(name)), 0o700, "{name}");
    }
    let settings = place.settings(&[]);
    let text = fs::read_to_string(context(&settings).unwrap()).unwrap();
    for line in ["endpoint = \"https://localhost:6470\"", "ca = \"authority.pem\"", "key = \"operator.key\""] {
        assert!(text.contains(line), "{text}");
    }
    let before = fs::read(place.at("pki/server.pem")).unwrap();
    let Identity { cluster, node, .. } = folder::identity(&settings.node.data).unwrap();
    renew(&settings, (cluster, node), &System, &System).unwrap();
    assert_ne!(fs::read(place.at("pki/server.pem")).unwrap(), before);
    place.start(&[]).unwrap();
}

#[test]
fn nodes_have_the_clusters_own_certificates_wherever_the_others_come_from() {
    let foreign =
        ["tls.certificate=/x/a.pem", "tls.key=/x/a.key", "tls.authorities=/x/b.pem", "tls.operators=spiffe://a/b"];
    for (flags, count) in [(&[][..], 8), (&foreign, 4)] {
        let place = Place::new();
        place.init(flags).unwrap();
        assert_eq!(walk(&place.at("pki")).len(), count, "{flags:?}");
        let settings = place.settings(flags);
        let Identity { cluster, node, .. } = folder::identity(&settings.node.data).unwrap();
        let shown = || fs::read_to_string(place.at("pki/node.pem")).unwrap();
        let before = shown();
        let facts = &inventory::of_pem(&before).unwrap()[0];
        assert_eq!(facts.uris, [format!("spiffe://{cluster}/node/1")]);
        assert_eq!(facts.dns, [format!("node-1.{cluster}.bascule.internal")]);
        renew(&settings, (cluster, node), &System, &System).unwrap();
        assert_ne!(shown(), before);
        assert_eq!(walk(&place.at("pki")).len(), count, "{flags:?}");
        assert!(matches!(place.init(flags), Err(Error::Present { .. })));
    }
}

#[test]
fn a_folder_without_a_cluster_is_no_new_cluster() {
    let place = Place::new();
    place.check(&[], "run `basculed init` once");
    assert!(!place.at("data").exists(), "a start made something");
    fs::create_dir(place.at("data")).unwrap();
    place.check(&[], "run `basculed init` once");
}

#[test]
fn init_makes_nothing_where_anything_is() {
    for name in ["data/anything", "keys/root.key", "pki/authority.pem", "pki/context.toml"] {
        let place = Place::new();
        folder::make(place.at(name).parent().unwrap()).unwrap();
        fs::write(place.at(name), b"").unwrap();
        let error = place.init(&[]).unwrap_err();
        assert!(matches!(error, Error::Present { .. }) && error.exit() == EXIT_CONFIG, "{name}: {error}");
        let found = walk(place.outer.path());
        assert_eq!(found, [place.at(name)], "{name}");
    }
    let place = Place::founded();
    let before = walk(place.outer.path());
    assert!(matches!(place.init(&[]), Err(Error::Present { .. })));
    assert_eq!(walk(place.outer.path()), before);
}

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() { found.extend(walk(&entry.path())) } else { found.push(entry.path()) }
    }
    found.sort();
    found
}

#[test]
fn keys_that_others_may_read_stop_the_start() {
    let place = Place::founded();
    for (name, said) in [("keys/root.key", "has mode `0640`"), ("pki/server.key", "has mode `0640`")] {
        fs::set_permissions(place.at(name), fs::Permissions::from_mode(0o640)).unwrap();
        place.check(&[], said);
        fs::set_permissions(place.at(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    place.start(&[]).unwrap();
}

#[test]
fn a_root_key_inside_the_data_folder_stops_the_start() {
    let place = Place::founded();
    fs::rename(place.at("keys/root.key"), place.at("data/root.key")).unwrap();
    symlink(place.at("data/root.key"), place.at("keys/root.key")).unwrap();
    place.check(&[], "lies inside the data folder");
}

#[test]
fn what_cannot_be_read_verified_or_decrypted_stops_the_start() {
    for (name, said) in [
        ("keys/root.key", "is not a whole key file"),
        ("data/keys", "is not a whole key file"),
        ("data/identity", "its file `identity`"),
        ("pki/server.pem", "the certificates are refused"),
        ("pki/server.key", "the certificates are refused"),
        ("pki/authority.pem", "the certificates are refused"),
    ] {
        let place = Place::founded();
        let path = place.at(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        // A certificate is judged by those who are shown it; here it must only be one.
        if name.starts_with("pki") {
            bytes.truncate(middle)
        } else {
            bytes[middle] ^= 0x10
        }
        fs::write(&path, bytes).unwrap();
        place.check(&[], said);
        fs::remove_file(&path).unwrap();
        let error = place.start(&[]).unwrap_err();
        assert_eq!(error.exit(), EXIT_CONFIG, "{name}: {}", error.chain());
    }
    // Another cluster's root key is whole, and opens nothing here.
    let (place, other) = (Place::founded(), Place::founded());
    fs::copy(other.at("keys/root.key"), place.at("keys/root.key")).unwrap();
    place.check(&[], "wrapped by provider key");
}

#[test]
fn what_never_changes_is_not_changed_by_the_configuration() {
    let place = Place::founded();
    for (flag, said) in [
        ("node.id=2", "`node.id` is `2`"),
        ("node.groups=7", "`node.groups` is `7`"),
        ("node.region=eu-west-1", "`node.region` is `eu-west-1`"),
        ("node.account=000000000001", "`node.account` is `000000000001`"),
        ("node.partition=aws-cn", "`node.partition` is `aws-cn`"),
    ] {
        place.check(&[flag], said);
    }
    place.start(&["node.zone=elsewhere"]).unwrap();
}

#[test]
fn log_lines_of_users_stay_out_of_the_data_folder() {
    let place = Place::founded();
    symlink(place.at("data"), place.at("logs")).unwrap();
    let flag = format!("delivery.log_folder={}", place.at("logs/lines").display());
    place.check(&[&flag], "inside the data folder");
}

#[test]
fn one_folder_has_one_daemon() {
    let place = Place::founded();
    let held = Folder::open(&place.at("data")).unwrap();
    let error = place.start(&[]).unwrap_err();
    assert!(error.to_string().ends_with("is in use by another basculed"), "{error}");
    assert_eq!(error.exit(), EXIT_FAILURE);
    drop(held);
    place.start(&[]).unwrap();
}

/// Issues into `out`; what it said, or why not.
fn issued(place: &Place, whose: Whose, valid_seconds: i64, out: &str) -> Result<String, Error> {
    let settings = place.settings(&[]);
    let cluster = folder::identity(&settings.node.data).unwrap().cluster;
    let wish = issue::Wish { whose, valid_seconds, out: place.at(out) };
    issue::issue(&settings, cluster, &wish, &System, &System)
}

#[test]
fn a_caller_gets_one_name_and_all_that_it_needs() {
    const DAY: i64 = 86_400;
    let place = Place::founded();
    let cluster = folder::identity(&place.at("data")).unwrap().cluster;
    let rows = [
        (Whose::Name("team/app-1".to_owned()), "app", format!("spiffe://{cluster}/team/app-1")),
        (Whose::Dns("app.prod.test".to_owned()), "named", "app.prod.test".to_owned()),
    ];
    for (whose, out, identity) in rows {
        let text = issued(&place, whose.clone(), DAY, out).unwrap();
        for part in
            [format!("--identity {identity}\n"), place.at(out).display().to_string(), "revoke --serial".to_owned()]
        {
            assert!(text.contains(&part), "{part}: {text}");
        }
        assert_eq!(mode(&place.at(out)), 0o700);
        assert_eq!(mode(&place.at(out).join("client.key")), 0o600);
        let pem = fs::read_to_string(place.at(out).join("client.pem")).unwrap();
        let facts = &inventory::of_pem(&pem).unwrap()[0];
        let names: Vec<_> = facts.uris.iter().chain(&facts.dns).collect();
        assert_eq!(names, [&identity]);
        assert!(text.contains(&revoke::hex(&facts.serial)), "{text}");
        let context = fs::read_to_string(place.at(out).join("context.toml")).unwrap();
        assert!(context.contains("certificate = \"client.pem\"\nkey = \"client.key\"\n"), "{context}");
        let authority = fs::read(place.at("pki/authority.pem")).unwrap();
        assert_eq!(fs::read(place.at(out).join("authority.pem")).unwrap(), authority);
        // Nothing is written over, whichever of it is there.
        let before = fs::read(place.at(out).join("client.key")).unwrap();
        let error = issued(&place, whose, DAY, out).unwrap_err();
        assert!(error.to_string().contains("client.key") && error.exit() == EXIT_CONFIG, "{error}");
        assert_eq!(fs::read(place.at(out).join("client.key")).unwrap(), before);
    }
}

#[test]
fn what_cannot_be_issued_is_refused_and_leaves_nothing() {
    const DAY: i64 = 86_400;
    let place = Place::founded();
    let name = |name: &str| Whose::Name(name.to_owned());
    let dns = |name: &str| Whose::Dns(name.to_owned());
    for (whose, valid_seconds, said) in [
        (name(""), DAY, "empty or relative segment"),
        (name("/app"), DAY, "empty or relative segment"),
        (name("app/"), DAY, "empty or relative segment"),
        (name("../operator"), DAY, "empty or relative segment"),
        (name("a b"), DAY, "not allowed"),
        (name("a%62"), DAY, "not allowed"),
        (name("a\0"), DAY, "not allowed"),
        (name("spiffe://x/app"), DAY, "not allowed"),
        (name("node"), DAY, "is a node's name"),
        (name("node/1"), DAY, "is a node's name"),
        (dns(""), DAY, "empty or too long"),
        (dns("*.test"), DAY, "wildcard"),
        (dns("App.test"), DAY, "lower case"),
        (dns("10.0.0.1"), DAY, "an address"),
        (dns("localhost"), DAY, "one label"),
        (name("app"), 0, "valid for 1s to 365d"),
        (name("app"), -1, "valid for 1s to 365d"),
        (name("app"), 366 * DAY, "valid for 1s to 365d"),
    ] {
        let error = issued(&place, whose.clone(), valid_seconds, "out").unwrap_err();
        assert!(
            matches!(error, Error::NotIssued { .. }) && error.chain().contains(said),
            "{whose:?}: {}",
            error.chain()
        );
        assert_eq!(error.exit(), EXIT_CONFIG);
        assert!(!place.at("out").exists(), "{whose:?}");
    }
    fs::remove_file(place.at("pki/authority.key")).unwrap();
    let error = issued(&place, name("app"), DAY, "out").unwrap_err();
    assert!(error.chain().contains("authority.key") && !place.at("out").exists(), "{}", error.chain());
}

#[test]
fn the_list_of_the_revoked_only_grows() {
    let place = Place::founded();
    let settings = place.settings(&[]);
    let revoked = |which: Which| revoke::revoke(&settings, &which, &System, &System);
    let list = || inventory::of_list(&fs::read_to_string(place.at("pki/revoked.pem")).unwrap()).unwrap();
    issued(&place, Whose::Name("app".to_owned()), 86_400, "app").unwrap();
    let pem = place.at("app/client.pem");
    let serial = inventory::of_pem(&fs::read_to_string(&pem).unwrap()).unwrap()[0].serial.clone();
    for (which, said, number, revoked_count) in [
        (Which::Certificate(pem), "is revoked", 1, 1),
        (Which::Serial(revoke::hex(&serial).to_uppercase()), "was revoked already", 2, 1),
        (Which::Serial("00:4a:01".to_owned()), "4a01 is revoked", 3, 2),
    ] {
        let text = revoked(which.clone()).unwrap();
        assert!(text.contains(said), "{text}");
        assert_eq!((list().number, list().revoked.len()), (number, revoked_count), "{which:?}");
        place.start(&[]).unwrap();
    }
    assert_eq!(list().revoked[0], serial);
    // Signed anew with the certificates, and with what it knows.
    let Identity { cluster, node, .. } = folder::identity(&settings.node.data).unwrap();
    renew(&settings, (cluster, node), &System, &System).unwrap();
    assert_eq!((list().number, list().revoked.len()), (4, 2));
    for (which, said) in [
        (Which::Serial("no".to_owned()), "is no serial number"),
        (Which::Certificate(place.at("app/client.key")), "holds no certificate"),
        (Which::Certificate(place.at("absent.pem")), "could not be read"),
    ] {
        let error = revoked(which).unwrap_err();
        assert!(error.chain().contains(said), "{}", error.chain());
    }
    // A list that cannot be read is not replaced by one that knows less, and no daemon starts on it.
    fs::write(place.at("pki/revoked.pem"), "no list").unwrap();
    let error = revoked(Which::Serial("4a02".to_owned())).unwrap_err();
    assert!(error.chain().contains("revocation list"), "{}", error.chain());
    assert!(renew(&settings, (cluster, node), &System, &System).is_err());
    assert_eq!(fs::read_to_string(place.at("pki/revoked.pem")).unwrap(), "no list");
    place.check(&[], "the certificates are refused");
}
