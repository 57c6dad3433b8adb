//! How a transaction travels from an async caller to a thread and its answer back.

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{super::error::Error, fault::Fault};

/// What a transaction works with: it must neither begin nor commit, the thread does.
pub(super) struct Tx<'c> {
    /// Inside a transaction and a savepoint.
    pub(super) conn: &'c Connection,
    /// Set by a transaction that gave a lane something to do: after the commit, workers are told.
    pub(super) woke: bool,
}

/// One transaction on its way.
pub(super) trait Job: Send {
    /// Completes "the journal could not …".
    fn doing(&self) -> &'static str;
    /// Runs it, once. The answer is held back until the commit.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Fault>;
    /// Makes the answer an error: its own, or that of the commit.
    fn fail(&mut self, error: Error);
    /// Sends the answer off.
    fn answer(self: Box<Self>);
}

struct Typed<T, F> {
    doing: &'static str,
    work: Option<F>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T, F> Job for Typed<T, F>
where
    T: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn doing(&self) -> &'static str {
        self.doing
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        if let Some(work) = self.work.take() {
            self.result = Some(Ok(work(tx)?));
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or(Err(Error::Closed));
        // The caller may have gone; its transaction stands all the same.
        let _ = self.reply.send(result);
    }
}

/// A job and the end at which its answer comes out.
pub(super) fn job<T, F>(doing: &'static str, work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, Error>>)
where
    T: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Typed { doing, work: Some(work), result: None, reply }), answer)
}
