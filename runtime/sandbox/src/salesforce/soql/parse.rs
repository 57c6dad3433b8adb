//! SOQL tokens to a tree of names and literals.
//!
//! Not for what the names mean: that is `bind`.

use super::lex::{Token, TokenKind, lex, malformed};
use crate::salesforce::error::ApiError;

/// Deepest nesting of conditions; the stack has its end.
const DEPTH: usize = 100;

type Parsed<T> = Result<T, ApiError>;

/// A name as written, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) struct Select<'a> {
    pub(crate) items: Vec<Item<'a>>,
    /// `SELECT COUNT()`.
    pub(crate) count: bool,
    pub(crate) from: Name<'a>,
    pub(crate) alias: Option<&'a str>,
    pub(crate) tail: Tail<'a>,
}

/// What follows FROM; SOSL's RETURNING has it too.
#[derive(Debug, Default)]
pub(crate) struct Tail<'a> {
    pub(crate) filter: Option<Cond<'a>>,
    pub(crate) order: Vec<Order<'a>>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

#[derive(Debug)]
pub(crate) enum Item<'a> {
    Field(Name<'a>),
    Child(Select<'a>),
    /// `FIELDS(ALL)`, `FIELDS(STANDARD)` or `FIELDS(CUSTOM)`.
    Fields(Name<'a>),
}

#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
}

#[derive(Debug)]
pub(crate) enum Cond<'a> {
    And(Vec<Cond<'a>>),
    Or(Vec<Cond<'a>>),
    Not(Box<Cond<'a>>),
    Compare { name: Name<'a>, op: Op, value: Literal<'a> },
    In { name: Name<'a>, not: bool, values: Vec<Literal<'a>> },
    InSelect { name: Name<'a>, not: bool, select: Box<Select<'a>> },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Literal<'a> {
    pub(crate) kind: LiteralKind<'a>,
    pub(crate) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LiteralKind<'a> {
    Null,
    Bool(bool),
    /// Escapes as written: LIKE reads them in its own way.
    Text(&'a str),
    Bare(&'a str),
    /// `TODAY`, or `LAST_N_DAYS:n` with its number.
    Date(&'a str, i64),
}

/// Parses one query to its end.
pub(crate) fn parse(query: &str) -> Parsed<Select<'_>> {
    let mut parser = Parser::new(query)?;
    let select = parser.select()?;
    match parser.peek() {
        TokenKind::End => Ok(select),
        _ => Err(parser.unexpected()),
    }
}

pub(crate) struct Parser<'a> {
    query: &'a str,
    tokens: Vec<Token<'a>>,
    next: usize,
    /// How many conditions the one at hand stands in.
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(query: &'a str) -> Parsed<Self> {
        Ok(Self { query, tokens: lex(query)?, next: 0, depth: 0 })
    }

    pub(crate) fn peek(&self) -> TokenKind<'a> {
        self.tokens[self.next].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.next].at
    }

    /// The last token is `End`, and never passed.
    fn bump(&mut self) -> Token<'a> {
        let token = self.tokens[self.next].clone();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub(crate) fn unexpected(&self) -> ApiError {
        let found = self.peek();
        malformed(self.query, self.at(), format!("unexpected token: '{}'", found.text()))
    }

    fn skip(&mut self, count: usize) {
        self.next = (self.next + count).min(self.tokens.len() - 1);
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(text) if text.eq_ignore_ascii_case(word))
    }

    fn follows(&self, ahead: usize, symbol: &str) -> bool {
        self.tokens.get(self.next + ahead).is_some_and(|token| token.kind == TokenKind::Symbol(symbol))
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let eats = self.is_word(word);
        if eats {
            self.bump();
        }
        eats
    }

    pub(crate) fn eat(&mut self, symbol: &str) -> bool {
        let eats = self.follows(0, symbol);
        if eats {
            self.bump();
        }
        eats
    }

    fn need_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn need(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(crate) fn name(&mut self) -> Parsed<Name<'a>> {
        match self.peek() {
            TokenKind::Word(text) => {
                let at = self.at();
                self.bump();
                Ok(Name { text, at })
            }
            _ => Err(self.unexpected()),
        }
    }

    fn select(&mut self) -> Parsed<Select<'a>> {
        self.need_word("SELECT")?;
        let mut items = Vec::new();
        let mut count = false;
        loop {
            if self.eat("(") {
                items.push(Item::Child(self.select()?));
                self.need(")")?;
            } else if self.is_word("COUNT") && self.follows(1, "(") && self.follows(2, ")") {
                self.skip(3);
                count = true;
            } else if self.is_word("FIELDS") && self.follows(1, "(") {
                self.skip(2);
                items.push(Item::Fields(self.name()?));
                self.need(")")?;
            } else {
                items.push(Item::Field(self.name()?));
            }
            if !self.eat(",") {
                break;
            }
        }
        self.need_word("FROM")?;
        let from = self.name()?;
        self.eat_word("AS");
        let clause = ["WHERE", "ORDER", "LIMIT", "OFFSET", "FOR", "WITH", "USING", "ALL", "GROUP", "HAVING"];
        let alias = match self.peek() {
            TokenKind::Word(word) if !clause.iter().any(|clause| clause.eq_ignore_ascii_case(word)) => {
                self.bump();
                Some(word)
            }
            _ => None,
        };
        let tail = self.tail()?;
        Ok(Select { items, count, from, alias, tail })
    }

    pub(crate) fn tail(&mut self) -> Parsed<Tail<'a>> {
        let mut tail = Tail::default();
        if self.eat_word("USING") {
            self.need_word("SCOPE")?;
            self.name()?;
        }
        if self.eat_word("WHERE") {
            tail.filter = Some(self.condition()?);
        }
        if self.eat_word("WITH") {
            self.name()?;
        }
        if self.eat_word("ORDER") {
            self.need_word("BY")?;
            loop {
                tail.order.push(self.order()?);
                if !self.eat(",") {
                    break;
                }
            }
        }
        if self.eat_word("LIMIT") {
            tail.limit = Some(self.count()?);
        }
        if self.eat_word("OFFSET") {
            tail.offset = self.count()?;
        }
        if self.eat_word("FOR") {
            self.name()?;
        }
        if self.eat_word("ALL") {
            self.need_word("ROWS")?;
        }
        Ok(tail)
    }

    fn order(&mut self) -> Parsed<Order<'a>> {
        let name = self.name()?;
        let descending = self.eat_word("DESC");
        if !descending {
            self.eat_word("ASC");
        }
        let mut nulls_last = false;
        if self.eat_word("NULLS") {
            nulls_last = self.eat_word("LAST");
            if !nulls_last {
                self.need_word("FIRST")?;
            }
        }
        Ok(Order { name, descending, nulls_last })
    }

    fn count(&mut self) -> Parsed<usize> {
        match self.peek() {
            TokenKind::Bare(text) => {
                let count = text.parse().map_err(|_| self.unexpected())?;
                self.bump();
                Ok(count)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// AND and OR cannot be mixed without parentheses: the vendor refuses that.
    fn condition(&mut self) -> Parsed<Cond<'a>> {
        let first = self.simple_condition()?;
        let word = if self.is_word("AND") {
            "AND"
        } else if self.is_word("OR") {
            "OR"
        } else {
            return Ok(first);
        };
        let mut all = vec![first];
        while self.eat_word(word) {
            all.push(self.simple_condition()?);
        }
        if self.is_word("AND") || self.is_word("OR") {
            return Err(self.unexpected());
        }
        Ok(if word == "AND" { Cond::And(all) } else { Cond::Or(all) })
    }

    fn simple_condition(&mut self) -> Parsed<Cond<'a>> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(malformed(self.query, self.at(), "the query is nested too deeply"));
        }
        let condition = self.one_condition();
        self.depth -= 1;
        condition
    }

    fn one_condition(&mut self) -> Parsed<Cond<'a>> {
        if self.eat_word("NOT") {
            return Ok(Cond::Not(Box::new(self.simple_condition()?)));
        }
        if self.eat("(") {
            let inner = self.condition()?;
            self.need(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        if self.eat_word("NOT") {
            self.need_word("IN")?;
            return self.list(name, true);
        }
        if self.eat_word("IN") {
            return self.list(name, false);
        }
        let op = match self.peek() {
            TokenKind::Symbol("=") => Op::Equal,
            TokenKind::Symbol("!=" | "<>") => Op::NotEqual,
            TokenKind::Symbol("<") => Op::Less,
            TokenKind::Symbol("<=") => Op::LessOrEqual,
            TokenKind::Symbol(">") => Op::Greater,
            TokenKind::Symbol(">=") => Op::GreaterOrEqual,
            TokenKind::Word(word) if word.eq_ignore_ascii_case("LIKE") => Op::Like,
            _ => return Err(self.unexpected()),
        };
        self.bump();
        let value = self.literal()?;
        Ok(Cond::Compare { name, op, value })
    }

    fn list(&mut self, name: Name<'a>, not: bool) -> Parsed<Cond<'a>> {
        self.need("(")?;
        if self.is_word("SELECT") {
            let select = Box::new(self.select()?);
            self.need(")")?;
            return Ok(Cond::InSelect { name, not, select });
        }
        let mut values = Vec::new();
        loop {
            values.push(self.literal()?);
            if !self.eat(",") {
                break;
            }
        }
        self.need(")")?;
        Ok(Cond::In { name, not, values })
    }

    fn literal(&mut self) -> Parsed<Literal<'a>> {
        let at = self.at();
        let kind = match self.peek() {
            TokenKind::Quoted(text) => LiteralKind::Text(text),
            TokenKind::Bare(text) => LiteralKind::Bare(text),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("null") => LiteralKind::Null,
            TokenKind::Word(word) if word.eq_ignore_ascii_case("true") => LiteralKind::Bool(true),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("false") => LiteralKind::Bool(false),
            TokenKind::Word(word) => {
                self.bump();
                if !self.eat(":") {
                    return Ok(Literal { kind: LiteralKind::Date(word, 0), at });
                }
                let count = self.count()?;
                let count = i64::try_from(count).map_err(|_| self.unexpected())?;
                return Ok(Literal { kind: LiteralKind::Date(word, count), at });
            }
            _ => return Err(self.unexpected()),
        };
        self.bump();
        Ok(Literal { kind, at })
    }
}
