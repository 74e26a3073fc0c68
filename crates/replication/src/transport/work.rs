//! Tasks of the HTTP library, on the house's port for tasks.

use std::sync::Arc;

use bascule_model::ambient::{Spawn, TaskKind};

/// Starts what the library wants to run beside a connection.
#[derive(Clone)]
pub(super) struct Work(pub(super) Arc<dyn Spawn>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Work {
    fn execute(&self, work: F) {
        self.0.spawn(TaskKind::Call, Box::pin(work));
    }
}
