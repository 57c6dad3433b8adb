//! Who a colleague is: asked once for all who want to know.

use std::collections::VecDeque;
use std::sync::Arc;

use aftercall_config::project::Connection;
use futures_util::future::BoxFuture;

use super::{Door, Lines, Together, Waiting, join};
use crate::connect::connections::Inner;
use crate::connect::failure::Failure;
use crate::connect::read::Reader;

/// One colleague in one account.
pub(in crate::connect) struct Users {
    email: String,
}

/// Looks up together with others; `None` where nobody else wants to know.
pub(in crate::connect) async fn user(
    inner: &Arc<Inner>,
    connection: &Arc<Connection>,
    email: &str,
) -> Option<Result<Option<String>, Failure>> {
    join(inner, format!("{}/{email}", connection.id), || Users { email: email.to_owned() }, Arc::clone(connection)).await
}

impl Users {
    /// Asks for all, and answers each.
    async fn go(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) {
        let Some(connection) = together.first().map(|waiting| Arc::clone(&waiting.ask)) else { return };
        let found = Reader::new(inner).user_alone(&connection, &self.email).await;
        together.into_iter().for_each(|waiting| waiting.gets(found.clone()));
    }
}

impl Together for Users {
    type Ask = Arc<Connection>;
    type Got = Result<Option<String>, Failure>;
    const READS: bool = true;

    fn lines(door: &Door) -> &Lines<Self> {
        &door.users
    }

    fn most(&self) -> usize {
        usize::MAX
    }

    fn pick(&self, line: &mut VecDeque<Waiting<Self>>) -> Vec<Waiting<Self>> {
        line.drain(..).collect()
    }

    fn send(self: Arc<Self>, inner: Arc<Inner>, together: Vec<Waiting<Self>>) -> BoxFuture<'static, ()> {
        Box::pin(self.go(inner, together))
    }

    fn lost() -> Self::Got {
        Err(Failure::lost("the look-up was given up").of_read())
    }
}
