//! Nodes whose clocks are wrong, by minutes and by days, and are set back and forth: a revocation is a state on all of them,
//! and nothing that somebody needs is deleted.

mod faketime;
mod kept;
mod purge;
mod revocation;

/// Minutes by which the clock of the node that changes something, and of the one that is asked, are ahead.
const APART: [(i64, i64); 4] = [(0, -5), (0, 5), (5, -5), (-5, 5)];
