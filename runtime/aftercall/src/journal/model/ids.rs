//! The numbers the journal hands out, and the states a call and a write can be in.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(
            /// The number as it is stored.
            pub i64,
        );

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(out)
            }
        }
    };
}

number! {
    /// A call's place in the order of arrival: strictly increasing, never given twice, gaps are possible.
    CallSeq
}
number! {
    /// The mailbox of one caller identity. A lane can be merged into another, so keep it no longer than a claim lasts.
    LaneId
}
number! {
    /// How many times a lane has changed hands. A record under an older fence is refused: its writer is a ghost.
    Fence
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$about])* $variant,)+
        }

        impl $name {
            /// Every value, in the order in which people list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands in the store, in JSON and on pages.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(self.word())
            }
        }

        impl FromStr for $name {
            /// The word that is none of ours.
            type Err = String;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    other => Err(other.to_owned()),
                }
            }
        }
    };
}

words! {
    /// Where a call stands. Only `Waiting` is unfinished; each of the others can be re-opened.
    CallStatus {
        /// There is work to do, now or at `next_at`.
        Waiting = "waiting",
        /// Everything that was planned stands in the systems.
        Landed = "landed",
        /// Some of it stands, some was refused or given up.
        Partial = "partial",
        /// Nothing more happens by itself: a dead letter, a person has to look.
        Dead = "dead",
        /// It landed, and a question for a person is open.
        Review = "review",
        /// Policy or routing asked for no write at all.
        Skipped = "skipped",
        /// A person said that it needs no more work.
        Resolved = "resolved",
        /// Stopped by a person or by a rule, with nothing lost.
        Held = "held",
    }
}

words! {
    /// Where one write stands.
    WriteState {
        /// Planned, nothing sent.
        Planned = "planned",
        /// Committed to be sent: from here on it may have happened. Without an outcome it becomes `Unknown` at take-over.
        Intent = "intent",
        /// The system confirmed it.
        Applied = "applied",
        /// The system refused it for certain.
        Rejected = "rejected",
        /// It may or may not have happened, `since` when we stopped hearing. Only looking will tell.
        Unknown = "unknown",
        /// It did not happen for certain, and is tried again at `next_at`.
        Waiting = "waiting",
        /// It waits for another write of its call.
        Blocked = "blocked",
        /// Given up: a dead letter.
        Dead = "dead",
        /// Not to be done: by policy, or because there is nothing to change.
        Skipped = "skipped",
        /// It waits for a person.
        Held = "held",
    }
}

words! {
    /// Where a config stands that was offered to a service.
    ReloadState {
        /// Somebody asked for it; no answer yet.
        Asked = "asked",
        /// It loads, and is held back before it takes over.
        Held = "held",
        /// It took over.
        Accepted = "accepted",
        /// It did not: what was at work goes on.
        Refused = "refused",
        /// It is what is at work already.
        Unchanged = "unchanged",
    }
}

words! {
    /// What somebody may do; each may do all that the one before may.
    Role {
        /// Sees calls, without numbers, addresses and captured values.
        Viewer = "viewer",
        /// Sees all of a call, and works what did not land.
        Operator = "operator",
        /// Sees and does everything.
        Admin = "admin",
    }
}

words! {
    /// By which way somebody did something.
    Way {
        /// On a page.
        Web = "web",
        /// A program with a token.
        Api = "api",
        /// A command on the machine.
        Cli = "cli",
    }
}

impl CallStatus {
    /// Whether nothing more happens to the call by itself.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting)
    }
}

impl WriteState {
    /// Whether the system may have done it without our knowing: such a write is never replaced, only resolved.
    pub const fn is_in_doubt(self) -> bool {
        matches!(self, Self::Intent | Self::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::{CallStatus, WriteState};

    #[test]
    fn words_survive_the_round_trip() {
        for status in CallStatus::ALL {
            assert_eq!(status.word().parse(), Ok(*status));
            assert_eq!(serde_json::to_string(status).ok(), Some(format!("\"{status}\"")));
        }
        for state in WriteState::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
        assert_eq!("gone".parse::<WriteState>(), Err("gone".to_owned()));
    }
}
