//! Nothing that a user sent lies plain in the data folder: canaries go in everywhere, and are looked for in every spelling.
//!
//! In: a daemon whose tables are not compressed, and random bytes in every place where a user's words go.
//! Out: the places whose words are found in its data folder, while it runs, after an orderly stop and after a kill.
//! Never: trust in a search that finds nothing: with sealing planted away it must find every one of them.

mod canary {
    mod plain;
    mod search;
    mod songs;
}
