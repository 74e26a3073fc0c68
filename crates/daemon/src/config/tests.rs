//! Configurations as rows: a text, and what is wrong with it, with its place.

use std::collections::BTreeSet;
use std::time::Duration;

use super::keys::Unsaid;
use super::register::KEYS;
use super::*;

const NEEDED: &str = "[node]\nregion = \"us-east-1\"\naccount = \"123456789012\"\n";

/// Reads a file of this text with these variables and flags.
fn told(text: &str, variables: &[(&str, &str)], flags: &[&str]) -> Result<Settings, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.toml");
    std::fs::write(&path, text).unwrap();
    let sources = Sources {
        file: Some(path.clone()),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        ..Sources::default()
    };
    let shorter = |problem: &Problem| problem.to_string().replace(&path.display().to_string(), "b.toml");
    read(&sources).map_err(|refused| refused.0.iter().map(shorter).collect())
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(told(text, &[], &[]).err().unwrap_or_default(), expected, "{text}");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let node = |more: &str| format!("{NEEDED}{more}\n");
    check(NEEDED, &[]);
    check(&node("dta = \"/x\""), &["b.toml:4: there is no key `dta` in `[node]`; did you mean `data`?"]);
    check(
        &node("grpc = \"127.0.0.1:1\""),
        &["b.toml:4: there is no key `grpc` in `[node]`; did you mean `listen.grpc`?"],
    );
    check(&node("password = \"x\""), &["b.toml:4: there is no key `password` in `[node]`"]);
    check(&node("[lsten]\ngrpc = 1"), &["b.toml:4: there is no section `[lsten]`; did you mean `listen`?"]);
    check(&node("[elsewhere]"), &["b.toml:4: there is no section `[elsewhere]`"]);
    check(&format!("zone = \"a\"\n{NEEDED}"), &["b.toml:1: `zone` stands in no section; did you mean `node.zone`?"]);
    check(&node("id = 0"), &["b.toml:4: `node.id` must be a whole number of at least 1"]);
    check(&node("id = \"1\""), &["b.toml:4: `node.id` must be a whole number of at least 1"]);
    check(&node("id = -1"), &["b.toml:4: `node.id` must be a whole number of at least 1"]);
    check(&node("groups = 257"), &["b.toml:4: `node.groups` must be a whole number from 1 to 256"]);
    check(&node("zone = \"a b\""), &["b.toml:4: `node.zone` must match `[A-Za-z0-9._-]{1,64}`"]);
    check(&node("zone = \"\""), &["b.toml:4: `node.zone` must be a text that is not empty"]);
    check(&node("partition = \"gcp\""), &["b.toml:4: `node.partition` must match `aws[\\w-]*`"]);
    let address = "must be `address:port`, for example `127.0.0.1:6470` or `[::1]:6470`";
    check(&node("[listen]\ngrpc = \"localhost:1\""), &[&format!("b.toml:5: `listen.grpc` {address}")]);
    check(
        &node("[log]\nlevel = \"loud\""),
        &["b.toml:5: `log.level` must be one of `error`, `warn`, `info`, `debug`, `trace`"],
    );
    check(&node("[listen]\nadmin_exposed = \"yes\""), &["b.toml:5: `listen.admin_exposed` must be `true` or `false`"]);
    check(&node("[tls]\ncrls = \"a.pem\""), &["b.toml:5: `tls.crls` must be a list of texts"]);
    check(&node("[tls]\ncrls = [1]"), &["b.toml:5: `tls.crls` must be a list of texts that are not empty"]);
    check(&node("[tls]\nnames = []"), &["b.toml:5: `tls.names` must name at least one"]);
    check("", &["configuration: `node.account` must be set", "configuration: `node.region` must be set"]);
    check("[node]\nregion = \"us-east-1\"\naccount = \"12\"", &["b.toml:3: `node.account` must have twelve digits"]);
    let region = "b.toml:2: `node.region` must match `[a-z]+-[a-z]+-[\\w-]+`";
    check("[node]\nregion = \"moon\"\naccount = \"123456789012\"", &[region]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text = "[node]\nregion = 5\nzoen = \"a\"\n[limits]\ncalls = 0\n[nowhere]\n";
    check(
        text,
        &[
            "b.toml:2: `node.region` must be a text that is not empty",
            "b.toml:3: there is no key `zoen` in `[node]`; did you mean `zone`?",
            "b.toml:5: `limits.calls` must be a whole number from 1 to 1000000",
            "b.toml:6: there is no section `[nowhere]`",
            "configuration: `node.account` must be set",
        ],
    );
}

#[test]
fn broken_toml_is_told_with_its_line() {
    for (text, line) in [("[node\n", 1), ("[node]\nid = = 1\n", 2), ("[node]\nid = 1\nid = 2\n", 3)] {
        let problems = told(&format!("{text}{}", NEEDED.replace("[node]\n", "")), &[], &[]).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.starts_with(&format!("b.toml:{line}: "))),
            "{text}: {problems:?}"
        );
    }
    let refused = read(&Sources { file: Some("/nowhere/b.toml".into()), ..Sources::default() }).unwrap_err();
    assert!(refused.to_string().starts_with("/nowhere/b.toml: it cannot be read: "), "{refused}");
}

#[test]
fn what_settings_demand_of_each_other_is_told() {
    let with = |more: &str| told(&format!("{NEEDED}{more}"), &[], &[]).unwrap_err().join(" | ");
    let exposed = with("[listen]\nadmin = \"0.0.0.0:6472\"");
    assert!(exposed.starts_with("b.toml:5: `listen.admin` is `0.0.0.0:6472`, which others can reach"), "{exposed}");
    told(&format!("{NEEDED}[listen]\nadmin = \"0.0.0.0:6472\"\nadmin_exposed = true"), &[], &[]).unwrap();
    let nowhere = with("[listen]\npeer = \"0.0.0.0:6473\"");
    assert!(nowhere.contains("`peers.address` must be set where `listen.peer` is `0.0.0.0:6473`"), "{nowhere}");
    for (said, part) in [
        ("address = \"n1\"", "`peers.address` must be `host:port`: it has no port"),
        ("address = \"n1:0\"", "its port is none"),
        ("seeds = [\"n1:6473\"]", "`n1:6473` must be `N=host:port`"),
        ("seeds = [\"0=n1:6473\"]", "must be `N=host:port`"),
        ("seeds = [\"1=a:1\", \"1=b:1\"]", "names node `1` twice"),
    ] {
        let told = with(&format!("[peers]\n{said}"));
        assert!(told.starts_with("b.toml:5: ") && told.contains(part), "{said}: {told}");
    }
    let inside = with("[keys]\nroot = \"/var/lib/bascule/keys/root.key\"");
    assert!(inside.ends_with("inside the data folder `/var/lib/bascule`"), "{inside}");
    let inside = with("[delivery]\nlog_folder = \"/var/lib/bascule/logs\"");
    assert!(inside.contains("`delivery.log_folder` is"), "{inside}");
    let grows = with("[raft]\nheartbeat_ms = 600");
    assert!(grows.contains("must grow in this order"), "{grows}");
    let partly = with("[tls]\ncertificate = \"a.pem\"");
    assert!(partly.contains("are set all three or not at all") && partly.contains("`tls.operators`"), "{partly}");
    let operator = with("[tls]\noperators = [\"me\"]");
    assert!(operator.starts_with("b.toml:5: `tls.operators`: `me` is not a workload's SPIFFE ID"), "{operator}");
    let range = with("[delivery]\nallow_private = [\"10.0.0.0/99\"]");
    assert!(range.starts_with("b.toml:5: `delivery.allow_private`: "), "{range}");
}

#[test]
fn each_layer_covers_those_below() {
    let text = format!("{NEEDED}zone = \"file\"\nid = 2\n[limits]\ncalls = 7\n");
    let variables = [("BASCULE__NODE__ID", "3"), ("BASCULE__NODE__ZONE", "variable"), ("OTHER__NODE__ID", "x")];
    let settings = told(&text, &variables, &["node.id=4", "tls.names=a,b", "limits.stop_ms=2_000"]).unwrap();
    assert_eq!(settings.node.id.0, 4);
    assert_eq!(settings.node.zone, "variable");
    assert_eq!(settings.limits.calls, 7);
    assert_eq!(settings.limits.connections, 4_096);
    assert_eq!(settings.limits.stop, Duration::from_secs(2));
    assert_eq!(settings.tls.names, ["a", "b"]);
    let variables = [("BASCULE__NODE__DAAT", "/x"), ("BASCULE__LOG__LEVEL", "loud"), ("BASCULE__", "")];
    let problems = told(NEEDED, &variables, &["node.zne=a", "zone"]).unwrap_err();
    assert_eq!(
        problems,
        [
            "environment BASCULE__NODE__DAAT: no key has this name; did you mean `BASCULE__NODE__DATA`?",
            "environment BASCULE__LOG__LEVEL: `log.level` must be one of `error`, `warn`, `info`, `debug`, `trace`",
            "environment BASCULE__: no key has this name",
            "flag node.zne: there is no key `node.zne`; did you mean `node.zone`?",
            "flag zone: it must have the form `section.key=value`",
        ]
    );
}

#[test]
fn what_a_verb_decides_nobody_else_may_say() {
    let of = |variables: Vec<(String, String)>| Sources {
        presumed: vec![("node.region", "us-east-1".into()), ("node.account", "000000000000".into())],
        variables,
        decided: vec![("node.data", "/d".into())],
        ..Sources::default()
    };
    assert_eq!(read(&of(Vec::new())).unwrap().node.data, Path::new("/d"));
    let refused = read(&of(vec![("BASCULE__NODE__DATA".into(), "/e".into())])).unwrap_err();
    assert_eq!(refused.to_string(), "environment BASCULE__NODE__DATA: `node.data` is decided by this verb itself");
}

#[test]
fn a_node_is_found_where_it_says_or_listens() {
    for (more, address, seeds) in [
        ("", Some("127.0.0.1:6473"), 0),
        ("[listen]\npeer = \"10.0.0.1:7\"", Some("10.0.0.1:7"), 0),
        ("[listen]\npeer = \"127.0.0.1:0\"", None, 0),
        (
            "[listen]\npeer = \"[::]:7\"\n[peers]\naddress = \"n1.test:8\"\nseeds = [\"2=a:1\", \"3=[::1]:2\"]",
            Some("n1.test:8"),
            2,
        ),
    ] {
        let peers = told(&format!("{NEEDED}{more}"), &[], &[]).unwrap().peers;
        assert_eq!((peers.address.as_deref(), peers.seeds.len()), (address, seeds), "{more}");
    }
}

#[test]
fn a_default_may_be_left_out_by_a_verb() {
    let of = |flags: &[&str]| Sources {
        presumed: vec![("node.region", "us-east-1".into()), ("node.account", "000000000000".into())],
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        omitted: vec!["listen.peer"],
        ..Sources::default()
    };
    assert_eq!(read(&of(&[])).unwrap().listen.peer, None);
    assert!(read(&of(&["listen.peer=127.0.0.1:0"])).unwrap().listen.peer.is_some());
    assert!(says(&of(&["node.id=2"]), "node.id") && !says(&of(&[]), "node.id") && !says(&of(&[]), "node.region"));
}

#[test]
fn relative_paths_are_taken_from_the_files_folder() {
    let settings = told(&format!("{NEEDED}data = \"d\"\n[keys]\nroot = \"k\""), &[], &[]).unwrap();
    assert_eq!(settings.node.data.parent(), settings.root_key.parent());
    assert!(settings.node.data.is_absolute());
}

#[test]
fn the_example_is_accepted_and_says_every_key_with_its_default() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/basculed.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let example = read(&Sources { file: Some(path), ..Sources::default() }).unwrap();
    // What is required has no default; everything else that stands there is the default.
    let bare = told("[node]\nregion = \"eu-central-1\"\naccount = \"000000000000\"\n", &[], &[]).unwrap();
    assert_eq!(example, bare);
    let mut section = "";
    let mut said = BTreeSet::new();
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name;
        }
        said.extend(line.split_once(" = ").map(|(key, _)| format!("{section}.{key}")));
    }
    for key in KEYS {
        assert!(said.contains(key.name), "config/basculed.toml says nothing of `{}`", key.name);
    }
    let optional = KEYS.iter().filter(|key| key.unsaid == Unsaid::Nothing).count();
    assert_eq!(text.lines().filter(|line| commented(line).is_some()).count(), optional);
}

/// The key with its value that a line of the example has behind its `#`.
fn commented(line: &str) -> Option<&str> {
    line.strip_prefix("# ").filter(|rest| rest.contains(" = \"/") || rest.starts_with("address = "))
}

#[test]
fn what_is_commented_out_in_the_example_is_sound_too() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/basculed.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| commented(line).unwrap_or(line))
        .map(|line| if line == "operators = []" { "operators = [\"spiffe://a/b\"]" } else { line })
        .collect();
    let settings = told(&uncommented.join("\n"), &[], &[]).unwrap();
    assert!(settings.tls.foreign && settings.delivery.roots.is_some() && settings.delivery.log_folder.is_some());
}

/// A file of the tree must be what the binary prints.
fn golden(path: &str, command: &str, text: &str) {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let expected = std::fs::read_to_string(whole).unwrap_or_default();
    assert!(text == expected, "{path} is old: `./x cargo run -q -p bascule-daemon -- {command} > {path}`");
}

#[test]
fn schema_and_page_in_the_tree_are_what_the_binary_prints() {
    golden("config/basculed.schema.json", "config schema", &schema::schema());
    golden("docs/configuration.md", "config docs", &page::page());
}

#[test]
fn the_schemas_bounds_are_the_readers() {
    let schema: serde_json::Value = serde_json::from_str(&schema::schema()).unwrap();
    for key in KEYS {
        let (section, name) = key.parts();
        let said = &schema["properties"][section]["properties"][name];
        assert!(said["description"].as_str().is_some_and(|text| text.starts_with(key.about)), "{}", key.name);
        let reads = |text: &str| layers::parse(key.kind, text).is_ok();
        match said["type"].as_str().unwrap() {
            "integer" => {
                let least = said["minimum"].as_u64().unwrap();
                assert!(reads(&least.to_string()) && !reads(&(least - 1).to_string()), "{}", key.name);
                if let Some(most) = said["maximum"].as_u64() {
                    assert!(reads(&most.to_string()) && !reads(&(most + 1).to_string()), "{}", key.name);
                }
            }
            "boolean" => assert!(reads("true") && !reads("yes"), "{}", key.name),
            "array" => assert_eq!(said["items"]["minLength"], 1),
            "string" => {
                let words = said["enum"].as_array().cloned().unwrap_or_default();
                assert!(words.iter().all(|word| reads(word.as_str().unwrap())), "{}", key.name);
                assert!(words.is_empty() || !reads("none of them"), "{}", key.name);
                assert!(!reads(""), "{}", key.name);
            }
            other => panic!("{}: `{other}`", key.name),
        }
        assert_eq!(said.get("default").is_some(), matches!(key.unsaid, Unsaid::Is(_)), "{}", key.name);
    }
    assert_eq!(schema["properties"]["tls"]["properties"]["names"]["default"][0], "localhost");
    assert_eq!(schema["properties"]["node"]["additionalProperties"], false);
}

#[test]
fn every_value_is_told_with_its_layer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.toml");
    std::fs::write(&path, format!("{NEEDED}zone = \"z\"\n")).unwrap();
    let sources = Sources {
        file: Some(path.clone()),
        variables: vec![("BASCULE__NODE__ID".into(), "3".into())],
        flags: vec!["tls.names=a,b".into()],
        ..Sources::default()
    };
    let text = told::told(&sources, told::Form::Toml).unwrap();
    let file = path.display();
    for line in [
        &format!("zone = \"z\" # {file}:4"),
        "id = 3 # environment BASCULE__NODE__ID",
        "names = [\"a\",\"b\"] # flag tls.names",
        "calls = 4096 # default",
        "compress_tables = true # default",
    ] {
        assert!(text.lines().any(|found| found == line), "`{line}` in\n{text}");
    }
    assert!(!text.contains("roots"), "what is unset has no line:\n{text}");
    // What is told is a configuration, and the same one.
    let again = folder.path().join("again.toml");
    std::fs::write(&again, &text).unwrap();
    assert_eq!(read(&Sources { file: Some(again), ..Sources::default() }), read(&sources));
    let json: serde_json::Value = serde_json::from_str(&told::told(&sources, told::Form::Json).unwrap()).unwrap();
    assert_eq!(
        json["node.id"],
        serde_json::json!({"value": 3, "layer": "environment", "place": "environment BASCULE__NODE__ID"})
    );
    assert_eq!(json["limits.calls"], serde_json::json!({"value": 4096, "layer": "default", "place": null}));
    let wrong = Sources { flags: vec!["node.id=0".into()], ..sources };
    assert!(told::told(&wrong, told::Form::Toml).is_err());
}
