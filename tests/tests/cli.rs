//! The `bascule` command as its users run it, against whole daemons.
//!
//! In: a daemon, folders of settings and of YAML, an environment of the test's own.
//! Out: what the command printed and how it ended.
//! Never: a setting of whoever runs the tests.

mod cli {
    mod contexts;
    mod folders;
    mod patterns;
    mod subscribe;
    mod terminal;
}
