//! The house rules as tests: each finding names a file, a line and what to do instead.
//!
//! In: the tree as text, and the workspace's manifests as `cargo metadata` gives them.
//! Out: findings; an empty list is a tidy house.
//! Never: a rule without a test that plants a violation and finds it.

mod tidy {
    mod ambient;
    mod arrows;
    mod doorplates;
    mod house;
    mod lengths;
    mod libraries;
    mod map;
    mod marks;
    mod names;
    mod paths;
}
