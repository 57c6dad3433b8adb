//! Reading a request's body under limits of size, time and memory, whoever sends it.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use tokio::sync::Semaphore;

/// Largest body that is taken: the transcript of a long call with its tool results has about a tenth of that.
pub(super) const LARGEST: usize = 8 * 1024 * 1024;

/// How long a sender may take for its body.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What one permit of the budget stands for.
const PAGE: usize = 64 * 1024;

/// Memory for bodies that are being read or worked, all together: 256 MiB.
const PAGES: usize = 4096;

/// Memory for bodies. Senders that are slow and large at once wait for each other, and small bodies pass between them.
pub(super) fn budget() -> Semaphore {
    Semaphore::new(PAGES)
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoBody {
    /// Larger than [`LARGEST`].
    TooLarge,
    /// The sender did not finish in time, or went away.
    Unfinished,
    /// Too many large bodies at once: ours to be sorry for.
    Crowded,
}

/// A body with its share of the budget, which goes back when it is dropped.
pub(super) struct Held<'a> {
    pub(super) bytes: Vec<u8>,
    _share: tokio::sync::SemaphorePermit<'a>,
}

/// Reads a body to its end, for as long as `patience` lasts. `announced` is its `Content-Length`.
pub(super) async fn read(body: Body, announced: Option<usize>, budget: &Semaphore, patience: Duration) -> Result<Held<'_>, NoBody> {
    if announced.is_some_and(|n| n > LARGEST) {
        return Err(NoBody::TooLarge);
    }
    let deadline = tokio::time::Instant::now() + patience;
    let share = |pages: u32| async move {
        match tokio::time::timeout_at(deadline, budget.acquire_many(pages)).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(NoBody::Crowded),
        }
    };
    let mut held = share(1).await?;
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(PAGE));
    let mut stream = body.into_data_stream();
    loop {
        let chunk = match tokio::time::timeout_at(deadline, stream.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => return Ok(Held { bytes, _share: held }),
            Ok(Some(Err(_))) | Err(_) => return Err(NoBody::Unfinished),
        };
        if bytes.len() + chunk.len() > LARGEST {
            return Err(NoBody::TooLarge);
        }
        let pages = (bytes.len() + chunk.len()).div_ceil(PAGE);
        let more = pages.saturating_sub(held.num_permits());
        if more > 0 {
            held.merge(share(u32::try_from(more).unwrap_or(u32::MAX)).await?);
        }
        bytes.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::stream;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn chunks(count: usize) -> Body {
        Body::from_stream(stream::iter((0..count).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1000])))))
    }

    #[tokio::test]
    async fn a_body_holds_its_share_until_it_is_dropped() {
        let budget = Semaphore::new(4);
        let held = read(chunks(200), None, &budget, PATIENCE).await.expect("a body");
        assert_eq!((held.bytes.len(), budget.available_permits()), (200_000, 0));
        assert_eq!(read(chunks(1), None, &budget, SHORT).await.err(), Some(NoBody::Crowded));
        drop(held);
        assert_eq!(budget.available_permits(), 4);
        // More than there is for all together: refused when patience is over, and everything given back.
        assert_eq!(read(chunks(300), None, &budget, SHORT).await.err(), Some(NoBody::Crowded));
        assert_eq!(budget.available_permits(), 4);
    }

    #[tokio::test]
    async fn what_does_not_end_is_given_up() {
        let budget = budget();
        let slow = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read(slow, None, &budget, SHORT).await.err(), Some(NoBody::Unfinished));
        let broken = Body::from_stream(stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))]));
        assert_eq!(read(broken, None, &budget, PATIENCE).await.err(), Some(NoBody::Unfinished));
        assert_eq!(read(chunks(9000), None, &budget, PATIENCE).await.err(), Some(NoBody::TooLarge));
        assert_eq!(budget.available_permits(), PAGES);
    }
}
