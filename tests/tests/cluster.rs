//! Several nodes as their users see them: one backbone, whichever node is asked, while a minority of them is dead or cut off.
//!
//! In: nodes as processes of their own, with wires between them that are cut.
//! Out: what was acknowledged, refused and delivered, against what was put.
//! Never: a look inside a node, or a wait that is not for something that can be seen.

mod cluster {
    mod changing;
    mod cut_off;
    mod failover;
    mod figures;
    mod forming;
    mod histories;
    mod load;
    mod moved;
    mod paused;
    mod queues;
    mod refusing;
    mod removed;
    mod rolling;
    mod tokens;
    mod went_back;
    mod wiped;
    mod zones;
}
