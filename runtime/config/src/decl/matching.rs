//! `mappings/match/*.toml`: the rules that decide which record is the caller's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rules for deciding who called.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchDecl {
    /// What these rules are for, in a line.
    pub title: Option<String>,
    /// When is a candidate the caller?
    pub decide: DecideDecl,
    /// How candidates are searched. Left out, numbers and addresses are searched in one request and nothing else is.
    #[serde(default)]
    pub retrieve: RetrieveDecl,
    /// Comparisons of a candidate with the caller, each with what it adds or takes.
    pub compare: Vec<CompareDecl>,
    /// Corrections of the sum where several comparisons say more together than each by itself.
    #[serde(default)]
    pub adjust: Vec<AdjustDecl>,
    /// Values that identify nobody.
    #[serde(default)]
    pub values: ValuesDecl,
}

/// Thresholds, in bits of evidence: log2 of how much likelier it is if the caller is that person than if a stranger calls.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideDecl {
    /// A candidate with at least this much is the caller, when it leads by `margin`. 4.3 bits are 95 to 5.
    pub accept: f64,
    /// How far the best must lead the second; closer is ambiguous.
    pub margin: f64,
    /// The lead that is needed where the caller gave no name. Left out, it is `margin`.
    pub margin_no_name: Option<f64>,
    /// From here up a person is asked whether the record is the caller's; below, the caller is new. Left out, a person is asked
    /// wherever anything at all speaks for a record.
    pub review: Option<f64>,
    /// The most that a candidate can have by its name alone, without a number, an address or a company that agrees. Below `accept`, a
    /// name alone never writes; it is reviewed. Left out, there is no cap.
    pub name_only_cap: Option<f64>,
}

/// How candidates are searched in a system that can be searched only remotely.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrieveDecl {
    /// The most requests that one call may take. The rounds that come after it are left out.
    #[serde(default = "max_requests")]
    pub max_requests: u32,
    /// No further round is asked for once this many candidates are in hand.
    #[serde(default = "max_candidates")]
    pub max_candidates: u32,
    /// The searches in their order. The first round is one request for numbers and addresses together. Left out: that one alone.
    #[serde(default = "keys")]
    pub key: Vec<KeyDecl>,
}

fn max_requests() -> u32 {
    6
}

fn max_candidates() -> u32 {
    50
}

fn keys() -> Vec<KeyDecl> {
    [KeyId::Number, KeyId::Email].map(|id| KeyDecl { id, spellings: None, when: KeyWhen::Always }).into()
}

impl Default for RetrieveDecl {
    fn default() -> Self {
        Self { max_requests: max_requests(), max_candidates: max_candidates(), key: keys() }
    }
}

/// One search.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyDecl {
    /// What is searched by. A connector that cannot search by it leaves it out.
    pub id: KeyId,
    /// The most spellings that one request names. Left out, it is 24.
    pub spellings: Option<u32>,
    /// When it is worth a request. Left out, always.
    #[serde(default)]
    pub when: KeyWhen,
}

/// What a search goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyId {
    /// Every number field against the caller's numbers.
    Number,
    /// Every address field against the readings of the caller's address.
    Email,
    /// Addresses that differ from a reading by a letter that is easily misheard, and the people of a company's domain whose first
    /// name begins alike.
    EmailNear,
    /// The last name in its spellings together with how the first name begins; both orders of the name.
    Name,
    /// The account by its rarest word, and its people by the first or the last name: two requests.
    Account,
}

impl KeyId {
    /// The word in the rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Email => "email",
            Self::EmailNear => "email_near",
            Self::Name => "name",
            Self::Account => "account",
        }
    }
}

/// When a search is worth a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyWhen {
    /// Always.
    #[default]
    Always,
    /// Nobody in hand has the caller's address.
    NoEmailAgrees,
    /// Nobody in hand has a number or address of the caller and a first name that agrees.
    NobodyAgrees,
    /// Nobody in hand would be accepted as things stand.
    Undecided,
}

/// One comparison.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompareDecl {
    /// What is compared.
    pub on: CompareOn,
    /// Bits when the two are equal after normalisation: short for a level `equal`.
    pub equal: Option<f64>,
    /// Bits when both are known and differ: short for a level `differ`.
    pub differ: Option<f64>,
    /// How the two may compare, each with its bits. The first that holds counts; a level that is not named adds nothing.
    #[serde(default)]
    pub levels: Vec<LevelDecl>,
    /// Tables that names are looked up in: `nicknames`, `transliterations`, `sounds`, `given_names`. Each is a file below
    /// `mappings/match/tables`; a project's own file for the same table adds to what ships.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Where another candidate has exactly the name that was said, those that merely resemble it lose this much: Patricia beside
    /// Patrick.
    pub exclusive_equal: Option<f64>,
}

/// One level of a comparison.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelDecl {
    /// How the two compare: `equal`, `differ`, `missing`, and what the comparison knows besides, such as `nickname`, `edit<=1` or
    /// `overlap>=0.85`.
    pub is: String,
    /// What it adds, or takes where it is below 0.
    pub bits: f64,
    /// How a value that several records share counts less. Left out, it counts in full.
    pub share: Option<ShareDecl>,
    /// The most that sharing takes. Left out, there is no limit.
    pub share_cap: Option<f64>,
}

/// How a value that several records share counts less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareDecl {
    /// By the logarithm of how many records have it: 1 bit less for two, 2 bits for four.
    Log2,
}

/// What a comparison looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompareOn {
    /// The caller's numbers, from the network and said aloud, against every number of the record.
    Phone,
    /// The number from the network against every number of the record.
    Number,
    /// The number that was said for calling back against every number of the record.
    Callback,
    /// The caller's e-mail, in every reading of what was said, against every address of the record.
    Email,
    /// The given name.
    FirstName,
    /// The family name.
    LastName,
    /// Given and family name the other way round: counts where that explains the names better.
    NameOrder,
    /// Junior, Senior, II, III.
    Suffix,
    /// The company or household.
    Account,
    /// The name that the network shows. Weak: for where the caller gave none.
    CallerIdName,
}

impl CompareOn {
    /// Every comparison.
    pub const ALL: [Self; 10] = [
        Self::Phone,
        Self::Number,
        Self::Callback,
        Self::Email,
        Self::FirstName,
        Self::LastName,
        Self::NameOrder,
        Self::Suffix,
        Self::Account,
        Self::CallerIdName,
    ];

    /// The word in rules and evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Number => "number",
            Self::Callback => "callback",
            Self::Email => "email",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::NameOrder => "name_order",
            Self::Suffix => "suffix",
            Self::Account => "account",
            Self::CallerIdName => "caller_id_name",
        }
    }

    /// The levels that it knows, strongest first. `edit<=` and `overlap>=` take a number.
    pub fn levels(self) -> &'static [&'static str] {
        match self {
            Self::Phone | Self::Number | Self::Callback => &["equal", "near", "last7", "differ", "missing"],
            Self::Email => &["equal", "edit<=", "domain", "differ", "missing"],
            Self::FirstName => {
                &["equal", "spelling", "nickname", "similar", "middle", "initial", "lookalike", "initial_differs", "differ", "missing"]
            }
            Self::LastName => &["equal", "spelling", "similar", "part", "initial", "lookalike", "differ", "missing"],
            Self::NameOrder => &["swapped"],
            Self::Suffix => &["equal", "senior_vs_none", "none_vs_senior", "none_vs_junior", "junior_vs_none", "differ", "missing"],
            Self::Account => &["overlap>=", "differ", "missing"],
            Self::CallerIdName => &["equal", "part", "differ", "missing"],
        }
    }
}

/// A correction of the sum.
///
/// `all`, `any` and `none` name comparisons: `number` for one that adds bits, `first_name:differ` for a level.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustDecl {
    /// What it is for, in a few words; they stand in the explanation.
    pub id: String,
    /// Every one of these must hold. Left out, nothing is asked.
    #[serde(default)]
    pub all: Vec<String>,
    /// One of these must hold. Left out, nothing is asked.
    #[serde(default)]
    pub any: Vec<String>,
    /// None of these may hold.
    #[serde(default)]
    pub none: Vec<String>,
    /// What it adds, or takes where it is below 0.
    #[serde(default)]
    pub bits: f64,
    /// The most that the sum can be then.
    pub cap: Option<f64>,
}

/// Values that identify nobody.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValuesDecl {
    /// Placeholder numbers, as digits; `*` at an end stands for anything.
    #[serde(default)]
    pub generic_phones: Vec<String>,
    /// Placeholder addresses; `*` stands for anything.
    #[serde(default)]
    pub generic_emails: Vec<String>,
    /// What networks send in place of a withheld number.
    #[serde(default)]
    pub withheld: Vec<String>,
}

/// `mappings/match/tables/*.toml`: words that match rules look up. Several files of one table add up, so that a project extends
/// what ships by a file of its own.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableDecl {
    /// What the words are.
    pub table: TableKind,
    /// What the file holds, in a line.
    pub title: Option<String>,
    /// Entries: `head: word, word`, or `head, head: word`, or words alone between commas. What the two sides mean, each table says.
    pub lines: Vec<String>,
}

/// What the words of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableKind {
    /// `robert: bob, rob`: a given name, and what people of that name are called.
    Nicknames,
    /// `mohammed, muhammad`: one name in several spellings.
    Transliterations,
    /// `nguyen: win, nwin`: a name, and what is heard when it is spoken.
    Sounds,
    /// Given names that have no line elsewhere: two that differ are two people.
    GivenNames,
    /// Words in front of a family name that belong to it: `van`, `de la`.
    Particles,
    /// Words before and behind a name that are no part of it: `mrs`, `md`.
    Titles,
    /// `jr: junior`: what tells people of one name apart.
    Suffixes,
    /// What people say around a value: `this is`, `my email is`, `all lowercase`. What stands behind words of the head `after` is about
    /// something else: `after: from, on behalf of`.
    Fillers,
    /// What people say in place of a value: `none`, `i don't have one`.
    Refusals,
    /// What names nobody: `unknown caller`, `wireless caller`.
    Nobody,
    /// `b: bee, bravo`: letters and digits as they are said.
    Spoken,
    /// `.: dot, period`: signs in an address as they are said.
    Signs,
    /// `gmail.com: g mail, g male`: hosts that everybody has addresses at, as they are heard.
    FreeMail,
    /// `com: con, calm`: ends of hosts as they are heard.
    Endings,
    /// Words of a company's name that say how it is owned: `inc`, `gmbh`.
    LegalForms,
    /// Words of a company's name that say what it does: `dental`. With heads, words for one trade: `dental: dentist, dentistry`.
    Trades,
    /// Words in an account's name that say that it is a household: `family`, `residence`.
    Households,
    /// `de: germany, deutschland`: countries as people write them, by their two letters.
    Countries,
}

impl TableKind {
    /// Every table.
    pub const ALL: [Self; 18] = [
        Self::Nicknames,
        Self::Transliterations,
        Self::Sounds,
        Self::GivenNames,
        Self::Particles,
        Self::Titles,
        Self::Suffixes,
        Self::Fillers,
        Self::Refusals,
        Self::Nobody,
        Self::Spoken,
        Self::Signs,
        Self::FreeMail,
        Self::Endings,
        Self::LegalForms,
        Self::Trades,
        Self::Households,
        Self::Countries,
    ];

    /// The word in rules and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nicknames => "nicknames",
            Self::Transliterations => "transliterations",
            Self::Sounds => "sounds",
            Self::GivenNames => "given_names",
            Self::Particles => "particles",
            Self::Titles => "titles",
            Self::Suffixes => "suffixes",
            Self::Fillers => "fillers",
            Self::Refusals => "refusals",
            Self::Nobody => "nobody",
            Self::Spoken => "spoken",
            Self::Signs => "signs",
            Self::FreeMail => "free_mail",
            Self::Endings => "endings",
            Self::LegalForms => "legal_forms",
            Self::Trades => "trades",
            Self::Households => "households",
            Self::Countries => "countries",
        }
    }

    /// Whether an entry needs words behind the colon.
    pub fn needs_words(self) -> bool {
        matches!(self, Self::Nicknames | Self::Sounds | Self::Spoken | Self::Signs)
    }
}
