//! Mutated inputs for whatever reads strangers' bytes: no panic, no acceptance of what was tampered with, no work without bound.
//!
//! In: a small corpus of the project's own, and a seed that is printed; `BASCULE_LONG` for 100,000 inputs a reader.
//! Out: the seed, and the input that was at hand when something failed.
//! Never: an input of another run that cannot be made again from its seed.

mod fuzz {
    mod certificates;
    mod configuration;
    mod entries;
    mod frames;
    mod inputs;
    mod mutate;
    mod patterns;
    mod realm;
    mod records;
    mod run;
    mod wire;
}
