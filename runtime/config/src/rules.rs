//! Match rules as understood: levels parsed, references resolved, tables built.
//!
//! Only `resolve` makes them. Not for comparing: that is the planning room's.

use std::sync::Arc;

use crate::decl::{CompareOn, DecideDecl, MatchDecl, RetrieveDecl, TableKind, ValuesDecl};
use crate::finding::{self, Documents, Severity};
use crate::resolve;
use crate::source::Files;
use crate::tables::Tables;

/// Rules for deciding who called.
#[derive(Clone, Debug)]
pub struct MatchRules {
    /// Thresholds.
    pub decide: DecideDecl,
    /// Searches.
    pub retrieve: RetrieveDecl,
    /// Comparisons in the order of the file.
    pub compare: Vec<Comparison>,
    /// Corrections of the sum.
    pub adjust: Vec<Adjustment>,
    /// Values that identify nobody.
    pub values: ValuesDecl,
    /// Words that comparisons look up.
    pub tables: Arc<Tables>,
    /// The files that the tables come from.
    pub table_files: Vec<Arc<str>>,
}

impl MatchRules {
    /// The comparison of something, where the rules have it.
    pub fn on(&self, on: CompareOn) -> Option<&Comparison> {
        self.compare.iter().find(|comparison| comparison.on == on)
    }

    /// Rules by themselves, from a file and the tables beside it: what a backtest tries.
    ///
    /// Errors: the findings as text for people.
    pub fn load(file: &str, files: &Files) -> Result<Self, String> {
        let mut documents = Documents::new();
        let (rules, mut findings) = resolve::match_rules(file, files, &mut documents);
        finding::sort(&mut findings, &documents);
        match rules {
            Some(rules) if findings.iter().all(|f| f.code.severity() != Severity::Error) => Ok(rules),
            _ => Err(finding::render(&findings, &documents, false)),
        }
    }

    /// What was written, without checks: for tests of rules that no file has.
    pub fn of(decl: &MatchDecl, tables: Arc<Tables>) -> Self {
        resolve::compile_rules(decl, tables)
    }
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub on: CompareOn,
    /// Levels as written.
    pub levels: Vec<Level>,
    /// Tables that names are looked up in.
    pub tables: Vec<TableKind>,
    /// What look-alikes lose where a rival has exactly the name.
    pub exclusive_equal: Option<f64>,
}

/// One level.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// How the two compare.
    pub is: Is,
    /// As written.
    pub name: String,
    /// What it adds or takes.
    pub bits: f64,
    /// Whether it counts less where several records share the value, and how much less at most.
    pub share_cap: Option<f64>,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Is {
    /// The same after normalisation.
    Equal,
    /// Numbers: two digits swapped, or one wrong, missing or too many.
    Near,
    /// Numbers: the last seven digits.
    Last7,
    /// Addresses: at most so many letters apart.
    Edit(u8),
    /// Addresses: the same company's host.
    Domain,
    /// Names: another spelling of the same name.
    Spelling,
    /// Names: what somebody of that name is called.
    Nickname,
    /// Names: heard alike.
    Similar,
    /// Names: two names that resemble each other.
    Lookalike,
    /// Names: the middle name of one.
    Middle,
    /// Names: a part of a double name.
    Part,
    /// Names: an initial that fits.
    Initial,
    /// Names: an initial that does not fit.
    InitialDiffers,
    /// Names: the other way round.
    Swapped,
    /// The caller says senior, the record nothing.
    SeniorVsNone,
    /// The caller says nothing, the record senior.
    NoneVsSenior,
    /// The caller says nothing, the record junior.
    NoneVsJunior,
    /// The caller says junior, the record nothing.
    JuniorVsNone,
    /// Companies: at least so much of the words, from 0 to 1.
    Overlap(f64),
    /// Both are known, and nothing above holds.
    Differ,
    /// One of the two is not known.
    Missing,
}

impl Is {
    /// The level that counts where the rules do not name this one.
    pub fn weaker(self) -> Option<Self> {
        match self {
            Self::Near => Some(Self::Last7),
            Self::Spelling | Self::Nickname | Self::Middle => Some(Self::Similar),
            Self::Last7
            | Self::Edit(_)
            | Self::Domain
            | Self::Similar
            | Self::Lookalike
            | Self::Part
            | Self::InitialDiffers
            | Self::Overlap(_) => Some(Self::Differ),
            Self::Initial | Self::SeniorVsNone | Self::NoneVsSenior | Self::NoneVsJunior | Self::JuniorVsNone => Some(Self::Missing),
            Self::Equal | Self::Swapped | Self::Differ | Self::Missing => None,
        }
    }

    /// The word in evidence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Near => "near",
            Self::Last7 => "last7",
            Self::Edit(_) => "edit",
            Self::Domain => "domain",
            Self::Spelling => "spelling",
            Self::Nickname => "nickname",
            Self::Similar => "similar",
            Self::Lookalike => "lookalike",
            Self::Middle => "middle",
            Self::Part => "part",
            Self::Initial => "initial",
            Self::InitialDiffers => "initial_differs",
            Self::Swapped => "swapped",
            Self::SeniorVsNone => "senior_vs_none",
            Self::NoneVsSenior => "none_vs_senior",
            Self::NoneVsJunior => "none_vs_junior",
            Self::JuniorVsNone => "junior_vs_none",
            Self::Overlap(_) => "overlap",
            Self::Differ => "differ",
            Self::Missing => "missing",
        }
    }
}

/// A correction of the sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjustment {
    /// What it is for.
    pub id: String,
    /// All must hold.
    pub all: Vec<Reference>,
    /// One must hold, where there are any.
    pub any: Vec<Reference>,
    /// None may hold.
    pub none: Vec<Reference>,
    /// What it adds or takes.
    pub bits: f64,
    /// The most that the sum can be.
    pub cap: Option<f64>,
}

/// A comparison that adds bits, or a level of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// The comparison.
    pub on: CompareOn,
    /// The level; absent for any that adds bits.
    pub level: Option<Is>,
}
