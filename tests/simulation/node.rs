//! A node: everything that one process runs, as one future. Dropped, it is a process that was killed; not polled, one that stands still
//! while the world goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream as _};
use tokio::time::{Instant, Sleep, sleep_until};

/// What others hold of a node.
#[derive(Default)]
pub(crate) struct Control(Mutex<State>);

#[derive(Default)]
struct State {
    incoming: Vec<BoxFuture<'static, ()>>,
    dead: bool,
    frozen_until: Option<Instant>,
    freezes: u32,
    waker: Option<Waker>,
}

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// One more task of the process. A dead one drops it.
    pub(crate) fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.change(|state| {
            if !state.dead {
                state.incoming.push(task);
            }
        });
    }

    /// The process is killed.
    pub(crate) fn crash(&self) {
        self.change(|state| state.dead = true);
    }

    /// The process stands still for so long.
    pub(crate) fn freeze(&self, time: Duration) {
        self.change(|state| {
            state.freezes += 1;
            state.frozen_until = Some(Instant::now() + time);
        });
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// When it moves again, if it stands still.
    pub(crate) fn frozen_until(&self) -> Option<Instant> {
        self.state().frozen_until.filter(|until| *until > Instant::now())
    }

    /// How often it stood still so far.
    pub(crate) fn freezes(&self) -> u32 {
        self.state().freezes
    }
}

/// The process.
pub(crate) struct Node {
    control: Arc<Control>,
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
    thaw: Option<Pin<Box<Sleep>>>,
}

impl Node {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control, tasks: FuturesUnordered::new(), thaw: None }
    }
}

impl Future for Node {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let node = &mut *self;
        loop {
            let (dead, frozen, incoming) = {
                let mut state = node.control.state();
                state.waker = Some(context.waker().clone());
                let frozen = state.frozen_until.filter(|until| *until > Instant::now());
                state.frozen_until = frozen;
                (state.dead, frozen, std::mem::take(&mut state.incoming))
            };
            if dead {
                return Poll::Ready(());
            }
            node.tasks.extend(incoming);
            if let Some(until) = frozen {
                let mut sleep = Box::pin(sleep_until(until));
                if sleep.as_mut().poll(context).is_pending() {
                    node.thaw = Some(sleep);
                    return Poll::Pending;
                }
                continue;
            }
            node.thaw = None;
            match Pin::new(&mut node.tasks).poll_next(context) {
                Poll::Ready(Some(())) => {}
                // Nothing to do, or nothing now; whatever comes in wakes it.
                Poll::Ready(None) | Poll::Pending if node.control.state().incoming.is_empty() && !node.control.is_dead() => {
                    return Poll::Pending;
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
    }
}
