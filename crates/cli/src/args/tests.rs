//! Command lines that are right, and the mistakes that are likely.

use super::*;

/// The arguments' debug text, or the first line of the error and its tips.
fn told(line: &str) -> String {
    // `_` stands for a space within a word.
    let words = std::iter::once("bascule").chain(line.split(' ').filter(|word| !word.is_empty()));
    match Arguments::try_parse_from(words.map(|word| word.replace('_', " "))) {
        Ok(arguments) => format!("{:?}", arguments.noun),
        Err(error) => {
            let text = error.to_string();
            let said = text.lines().map(str::trim).filter(|line| {
                line.starts_with("error:")
                    || line.starts_with("tip:")
                    || line.starts_with("--")
                    || line.starts_with('<')
            });
            said.collect::<Vec<_>>().join(" | ")
        }
    }
}

#[test]
fn the_definition_is_sound() {
    use clap::CommandFactory;
    Arguments::command().debug_assert();
}

#[test]
fn right_lines_are_understood() {
    let rows = [
        ("bus create orders --description all_orders", "description: Some(\"all orders\")"),
        ("bus list --prefix o", "prefix: \"o\""),
        ("bus describe", "name: \"default\""),
        ("bus update orders --description= --log-level info --log-detail full", "description: Some(\"\")"),
        ("bus delete orders --validate-only", "validate_only: true"),
        (
            "rule put paid --bus orders --pattern {\"source\":[\"shop\"]}",
            "pattern: Some(\"{\\\"source\\\":[\\\"shop\\\"]}\")",
        ),
        ("rule put paid --pattern -", "pattern: Some(\"-\")"),
        ("rule put nightly --schedule rate(1_day) --state disabled", "state: Disabled"),
        ("rule delete paid --force", "force: true"),
        (
            "target put --rule r --id a --arn arn:q --header a=b --header c=d=e --path-value x",
            "headers: [\"a=b\", \"c=d=e\"]",
        ),
        ("target put --rule r --file t.json", "file: Some(\"t.json\")"),
        ("target rules --arn arn:q", "arn: \"arn:q\""),
        ("target remove --rule r --id a --id b", "ids: [\"a\", \"b\"]"),
        ("destination create h --connection-arn arn:c --endpoint https://a/ --method post", "method: Post"),
        ("destination update h --rate-limit-per-second 3", "rate_limit_per_second: Some(3)"),
        ("connection create c --api-key-name x-key --api-key-value-file k.txt", "api_key_value_file: Some(\"k.txt\")"),
        ("connection create c --basic-user me --basic-password-file -", "basic_password_file: Some(\"-\")"),
        ("connection create c --signing-secret-file a --signing-secret-file b", "signing_secret_file: [\"a\", \"b\"]"),
        (
            "connection create c --oauth-client-id i --oauth-client-secret-file s --oauth-endpoint e --oauth-method put",
            "oauth_method: Put",
        ),
        ("connection update c --description new", "description: Some(\"new\")"),
        ("connection list --state deauthorized", "state: Some(Deauthorized)"),
        ("queue receive q --max-messages 10 --wait 20 --visibility-timeout 0", "visibility_timeout: Some(0)"),
        (
            "queue delete-message q --receipt-handle -abc --receipt-handle --def",
            "receipt_handles: [\"-abc\", \"--def\"]",
        ),
        ("queue change-visibility q --receipt-handle h --visibility-timeout 0", "visibility_timeout: 0"),
        ("event put --source s --detail-type t --detail {} --time 2026-11-23T09:30:00Z", "time: Some(1795426200)"),
        ("queue delete-message q --receipt-handle-file -", "receipt_handle_file: Some(\"-\")"),
        ("event put --file - --in-flight 1", "in_flight: 1"),
        ("event put --file - --min-control-index 7", "min_control_index: 7"),
        ("pattern test --pattern @p.json --event @e.json", "events: [\"@e.json\"]"),
        ("dead-letter list --bus orders --omit-event", "omit_event: true"),
        ("delivery describe --rule paid --target q", "target: \"q\""),
        ("context add dev --file c.toml --use", "in_use: true"),
        ("context add dev --endpoint e --ca a --certificate c --key k", "endpoint: Some(\"e\")"),
        ("pattern test --bus orders --event - --all", "bus: Some(\"orders\")"),
        ("pattern test --pattern {} --events a.jsonl --events -", "files: [\"a.jsonl\", \"-\"]"),
        ("plan setup --prune --detailed-exitcode", "detailed_exitcode: true"),
        ("apply setup --renew-secrets", "renew_secrets: true"),
        ("export setup", "dir: \"setup\""),
        ("completion zsh", "shell: Zsh"),
        ("man rule put", "words: [\"rule\", \"put\"]"),
        (
            "target put --rule r --id a --arn q --input-template <x> --input-variable x=$.id",
            "input_variables: [\"x=$.id\"]",
        ),
        ("version -o json --timeout 5 --color never --context c.toml", "Version"),
    ];
    for (line, expected) in rows {
        let told = told(line);
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn right_lines_about_who_may_do_what_are_understood() {
    let rows = [
        ("user create shop --attach a --attach b --identity dns:a", "attach: [\"a\", \"b\"]"),
        ("user identity set shop --none", "none: true"),
        ("user update shop --boundary=", "boundary: Some(\"\")"),
        ("key create --user shop", "user: \"shop\""),
        ("key list", "user: \"\""),
        ("key disable AKIA1", "Key(Disable(One { id: \"AKIA1\", user: \"\""),
        ("role create r --for-rules --source-account 000000000001", "source_account: Some(\"000000000001\")"),
        ("role trust r --trust -", "trust: Some(\"-\")"),
        ("policy lint p.json --kind trust", "kind: Trust"),
        ("whoami --session-token-file t", "Whoami"),
        ("role assume r --duration 1h30m --tag a=b --export", "duration: Some(5400)"),
        ("role assume r --policy -", "session: \"bascule-cli\""),
        ("authz explain user/a b:c --key d=e", "resource: None, keys: [\"d=e\"]"),
        ("authz simulate role/a --action b:c --action d:e --policy p --policy q", "policies: [\"p\", \"q\"]"),
        ("org policy create p --type rcp --document -", "limits: Rcp"),
    ];
    for (line, expected) in rows {
        let told = told(line);
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn likely_mistakes_are_named() {
    let rows = [
        ("bus creat orders", "error: unrecognized subcommand 'creat' | tip: a similar subcommand exists: 'create'"),
        ("buses list", "error: unrecognized subcommand 'buses' | tip: some similar subcommands exist: 'user', 'bus'"),
        (
            "deadletter list",
            "error: unrecognized subcommand 'deadletter' | tip: some similar subcommands exist: 'delivery', 'dead-letter'",
        ),
        ("bus create", "error: the following required arguments were not provided: | <NAME>"),
        ("bus update orders", "error: the following required arguments were not provided: | <--description"),
        ("bus update orders --log-detail full", "error: the following required arguments were not provided:"),
        (
            "rule put paid",
            "error: the following required arguments were not provided: | <--pattern <JSON>|--schedule <EXPRESSION>>",
        ),
        ("rule put paid --event-pattern {}", "error: unexpected argument '--event-pattern' found"),
        ("rule put paid --pattern {} --state on", "error: invalid value 'on' for '--state <STATE>'"),
        ("target put --rule r --id a", "error: the following required arguments were not provided: | --arn <ARN>"),
        (
            "target put --rule r --id a --arn b --max-retry-attempts many",
            "error: invalid value 'many' for '--max-retry-attempts <COUNT>'",
        ),
        (
            "target put --rule r --file t.json --id a",
            "error: the argument '--file <FILE>' cannot be used with '--id <ID>'",
        ),
        ("target put --rule r", "error: the following required arguments were not provided: | --id <ID> | --arn <ARN>"),
        ("queue delete-message q", "error: the following required arguments were not provided:"),
        (
            "queue delete-message q --receipt-handle a --receipt-handle-file b",
            "error: the argument '--receipt-handle <HANDLE>' cannot be used with '--receipt-handle-file <FILE>'",
        ),
        ("queue empty q", "error: unrecognized subcommand 'empty'"),
        (
            "queue create q --redrive-arn a",
            "error: the following required arguments were not provided: | --max-receive-count",
        ),
        ("dead-letter list --limit 0", "error: invalid value '0' for '--limit <COUNT>'"),
        ("queue receive q --wait 21", "error: invalid value '21' for '--wait <SECONDS>': 21 is not in 0..=20"),
        (
            "event put --source s",
            "error: the following required arguments were not provided: | --detail-type <TYPE> | --detail <JSON>",
        ),
        ("event put --file f --bus b", "error: the argument '--file <FILE>' cannot be used with '--bus <BUS>'"),
        ("event put --file f --in-flight 0", "error: invalid value '0' for '--in-flight <COUNT>': 0 is not in 1..=64"),
        (
            "event put --source s --detail-type t --detail {} --time now",
            "error: invalid value 'now' for '--time <TIME>': `now` is not an RFC 3339 time",
        ),
        ("version -o xml", "error: invalid value 'xml' for '--output <FORMAT>'"),
        ("context add dev", "error: the following required arguments were not provided: | --file <PATH>"),
        ("context add dev --endpoint e", "error: the following required arguments were not provided: | --ca <PATH>"),
        ("contexts list", "error: unrecognized subcommand 'contexts' | tip: a similar subcommand exists: 'context'"),
        ("pattern test --event {}", "error: the following required arguments were not provided: | --pattern <JSON>"),
        ("pattern test --bus b --pattern {} --event {}", "error: the argument '--bus <BUS>' cannot be used with"),
        ("pattern test --pattern {}", "error: the following required arguments were not provided: | --event <JSON>"),
        ("apply", "error: the following required arguments were not provided: | <DIR>"),
        ("apply d --prun", "error: unexpected argument '--prun' found | tip: a similar argument exists: '--prune'"),
        ("completion csh", "error: invalid value 'csh' for '<SHELL>'"),
        ("man --dir d rule", "error: the argument '--dir <DIR>' cannot be used with '[WORDS]...'"),
        ("version --timeout 0", "error: invalid value '0' for '--timeout <SECONDS>'"),
        ("version --timeout 61", "error: invalid value '61' for '--timeout <SECONDS>': 61 is not in 1..=60"),
    ];
    for (line, expected) in rows {
        let told = told(line);
        assert!(told.starts_with(expected), "{line}: {told}");
    }
}

#[test]
fn mistakes_about_who_may_do_what_are_named() {
    let rows = [
        (
            "role create r --trust a --for-rules",
            "error: the argument '--trust <FILE>' cannot be used with '--for-rules'",
        ),
        ("role create r --trust a --rule b", "error: the argument '--trust <FILE>' cannot be used with '--rule <ARN>'"),
        (
            "role create r --source-account 1",
            "error: the following required arguments were not provided: | <--trust <FILE>|--for-rules>",
        ),
        (
            "role assume r --duration 1d",
            "error: invalid value '1d' for '--duration <TIME>': the form is `45m`, `1h30m` or `900s`",
        ),
        ("authz explain user/a", "error: the following required arguments were not provided: | <ACTION>"),
        ("authz simulate user/a", "error: the following required arguments were not provided: | --action <ACTION>"),
        (
            "user identity set u --identity dns:a --none",
            "error: the argument '--identity <ID>' cannot be used with '--none'",
        ),
        ("policy lint p.json --kind user", "error: invalid value 'user' for '--kind <KIND>'"),
        (
            "org policy create p --document d",
            "error: the following required arguments were not provided: | --type <TYPE>",
        ),
    ];
    for (line, expected) in rows {
        let told = told(line);
        assert!(told.starts_with(expected), "{line}: {told}");
    }
}

#[test]
fn connections_are_authorised_one_way_and_whole() {
    let rows = [
        ("connection update c", "error: the following required arguments were not provided:"),
        (
            "connection update c --parameter header:a=b --description d",
            "error: the following required arguments were not provided:",
        ),
        (
            "connection create c --oauth-client-id i --oauth-client-secret-file s",
            "error: the following required arguments were not provided: | --oauth-endpoint <URL>",
        ),
        ("connection create c", "error: the following required arguments were not provided:"),
        (
            "connection create c --api-key-name x",
            "error: the following required arguments were not provided: | --api-key-value-file <FILE>",
        ),
        (
            "connection create c --basic-user me",
            "error: the following required arguments were not provided: | --basic-password-file <FILE>",
        ),
        (
            "connection create c --api-key-name x --api-key-value-file f --signing-secret-file g",
            "error: the argument '--api-key-name <NAME>' cannot be used with '--signing-secret-file <FILE>'",
        ),
        (
            "queue receive q --max-messages 11",
            "error: invalid value '11' for '--max-messages <COUNT>': 11 is not in 1..=10",
        ),
    ];
    for (line, expected) in rows {
        let told = told(line);
        assert!(told.starts_with(expected), "{line}: {told}");
    }
}

#[test]
fn what_is_missing_is_told_to_programs_too() {
    let rows = [
        (
            "rule put paid",
            "the following required arguments were not provided: <--pattern <JSON>|--schedule <EXPRESSION>>",
        ),
        (
            "event put --source s --detail {}",
            "the following required arguments were not provided: --detail-type <TYPE>",
        ),
        ("queue receive q --wait 21", "invalid value '21' for '--wait <SECONDS>': 21 is not in 0..=20"),
    ];
    for (line, expected) in rows {
        let error = Arguments::try_parse_from(std::iter::once("bascule").chain(line.split(' '))).unwrap_err();
        assert_eq!(crate::explain::Explanation::of_usage(&error).what, expected, "{line}");
    }
}

#[test]
fn secrets_have_no_place_on_the_command_line_and_are_not_repeated() {
    let lines = [
        "connection create c --api-key-name x --api-key-value hunter2",
        "connection create c --api-key-name x --api-key-value=hunter2",
        "connection create c --basic-user me --basic-password hunter2",
        "connection create c --basic-user me --basic-password=hunter2",
        "connection create c --signing-secret=hunter2",
        "connection create c --password=hunter2",
        "connection create c --oauth-client-id i --oauth-client-secret=hunter2",
        "connection update c --basic-user me --basic-password hunter2",
        "whoami --session-token hunter2",
        "whoami --session-token=hunter2",
    ];
    for line in lines {
        let words = std::iter::once("bascule").chain(line.split(' '));
        let error = Arguments::try_parse_from(words).unwrap_err();
        let said = crate::explain::Explanation::of_usage(&error);
        assert!(!error.to_string().contains("hunter2") && !format!("{said:?}").contains("hunter2"), "{line}: {error}");
    }
}

#[test]
fn a_glance_finds_the_format() {
    let rows = [
        ("bus list", Format::Table, Color::Auto),
        ("-o json bus lst", Format::Json, Color::Auto),
        ("bus lst -ojson --color=never", Format::Json, Color::Never),
        ("bus lst -o=json --color always", Format::Json, Color::Always),
        ("bus lst --output=json -o table", Format::Table, Color::Auto),
        ("bus lst --output", Format::Table, Color::Auto),
        ("bus lst -- -o json", Format::Table, Color::Auto),
    ];
    for (line, format, color) in rows {
        let words: Vec<OsString> = std::iter::once("bascule").chain(line.split(' ')).map(OsString::from).collect();
        assert_eq!(glance(&words), Glance { format, color }, "{line}");
    }
}

#[test]
fn colours_are_for_terminals() {
    let rows = [
        (Color::Auto, true, None, true),
        (Color::Auto, false, None, false),
        (Color::Auto, true, Some(("NO_COLOR", "1")), false),
        (Color::Auto, true, Some(("NO_COLOR", "")), true),
        (Color::Auto, true, Some(("TERM", "dumb")), false),
        (Color::Always, false, Some(("NO_COLOR", "1")), true),
        (Color::Never, true, None, false),
    ];
    for (color, is_terminal, set, expected) in rows {
        let variable = |name: &str| set.filter(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        assert_eq!(coloured(color, is_terminal, variable), expected, "{color:?} {set:?}");
    }
}
