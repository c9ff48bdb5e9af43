//! Tokens to tree.
//!
//! libpcap's grammar is one for an LALR(1) parser, with rules whose meaning depends on
//! what stands to the left of them on its stack (`host a or b`) and with precedence
//! conflicts that its generator resolves by shifting (`1 % 2 + 3` is `1 % (2 + 3)`). So
//! this is a shift-reduce parser too: a stack of [`Frame`]s, each an unfinished
//! construct, and a value that is handed down to them. It never recurses: nesting
//! costs memory in proportion to the text, and no stack.

mod operand;
mod reduce;

use crate::ast::{
    Expression, ExpressionId, Primitive, Protocol, Qualifiers, Relation, Term, TermId, TermKind,
    Tree,
};
use crate::error::{Error, Span};
use crate::ir::Alu;
use crate::keywords::Word;
use crate::lexer::{Symbol, Token, TokenKind};

/// libpcap's parser gives up at a stack of this many symbols (`YYMAXDEPTH`).
const MAX_DEPTH: usize = 10_000;

/// The tree of a filter, given its tokens.
pub fn parse(tokens: &[Token]) -> Result<Tree, Error> {
    let mut parser = Parser { tokens, at: 0, tree: Tree::default(), frames: Vec::new() };
    if parser.peek().kind != TokenKind::End {
        parser.filter()?;
    }
    Ok(parser.tree)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    tree: Tree,
    frames: Vec<Frame>,
}

/// What may stand at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// An address without qualifiers, which takes those to its left.
    address: bool,
    /// An expression that needs nothing from its left.
    expression: bool,
    arithmetic: bool,
    /// What an address here takes from its left; `None` where there is nothing to take.
    inherited: Option<Qualifiers>,
}

impl Place {
    const START: Self =
        Self { address: false, expression: true, arithmetic: true, inherited: None };
    const NUMBER: Self =
        Self { address: false, expression: false, arithmetic: true, inherited: None };

    fn address(inherited: Option<Qualifiers>) -> Self {
        Self { address: true, expression: false, arithmetic: false, inherited }
    }

    fn any(inherited: Option<Qualifiers>) -> Self {
        Self { address: true, expression: true, arithmetic: true, inherited }
    }
}

/// An unfinished construct.
#[derive(Clone, Copy, Debug)]
enum Frame {
    /// `(`
    Paren(Place, usize),
    /// `not`
    Not(Place),
    /// `src host`, waiting for its address.
    Head(Qualifiers),
    /// `a and`, `a or`
    Left { join: Join, left: ExpressionId, of_addresses: bool, qualifiers: Option<Qualifiers> },
    /// `1 +`
    Operation(Alu, TermId, usize),
    /// `-`
    Minus(usize),
    /// `tcp[`
    Index(Indexed, usize),
    /// `1 <`
    Relation(Relation, TermId, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    And,
    Or,
}

#[derive(Clone, Copy, Debug)]
enum Indexed {
    Protocol(Protocol),
    Payload,
}

/// A finished construct that waits for the frame it belongs to.
#[derive(Clone, Copy, Debug)]
enum Operand {
    /// A number, which may become an address or arithmetic.
    Number(u32),
    Term(TermId),
    Address {
        of: ExpressionId,
        qualifiers: Option<Qualifiers>,
        form: AddressForm,
    },
    /// Anything else, ready to stand anywhere that an expression may.
    Expression {
        of: ExpressionId,
        qualifiers: Option<Qualifiers>,
        joined: bool,
    },
}

/// What addresses look like: the grammar of `(a or b)` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressForm {
    /// One that is no bare number, or the negation of any.
    Named,
    Bare,
    /// A list, `a or b`, without its parentheses.
    List,
    /// A list in its parentheses.
    Parenthesised,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Token {
        // The last token is `End` and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> &'a Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn take_symbol(&mut self, symbol: Symbol) -> bool {
        let found = self.peek().kind == TokenKind::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: Word) -> bool {
        let found = self.peek().kind == TokenKind::Word(word);
        self.at += usize::from(found);
        found
    }

    /// The text from the start of a token, given by its place among the tokens, to the
    /// end of the token before the current one.
    fn span_from(&self, first: usize) -> Span {
        let last = self.at.saturating_sub(1).max(first).min(self.tokens.len() - 1);
        self.tokens[first.min(last)].span.start..self.tokens[last].span.end
    }

    fn filter(&mut self) -> Result<(), Error> {
        loop {
            let mut operand = self.operand()?;
            // Reduce until a frame wants another operand, or nothing is left.
            loop {
                match self.reduce(operand)? {
                    Reduced::Operand(next) => operand = next,
                    Reduced::NeedsOperand => break,
                    Reduced::Done => return Ok(()),
                }
            }
        }
    }

    fn push(&mut self, frame: Frame) -> Result<(), Error> {
        if self.frames.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} levels of nesting");
            return Err(Error::new(self.span_from(self.at.saturating_sub(1)), message));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// What may stand at the current place.
    fn place(&self) -> Place {
        match self.frames.last() {
            None => Place::START,
            Some(Frame::Paren(place, _) | Frame::Not(place)) => *place,
            Some(Frame::Head(qualifiers)) => Place::address(Some(*qualifiers)),
            Some(Frame::Left { of_addresses: true, qualifiers, .. }) => Place::address(*qualifiers),
            Some(Frame::Left { qualifiers, .. }) => Place::any(*qualifiers),
            Some(
                Frame::Operation(..) | Frame::Minus(_) | Frame::Index(..) | Frame::Relation(..),
            ) => Place::NUMBER,
        }
    }

    fn expression(&mut self, expression: Expression) -> ExpressionId {
        self.tree.expressions.push(expression);
        ExpressionId(self.tree.expressions.len() - 1)
    }

    fn primitive(&mut self, primitive: Primitive, span: Span) -> Operand {
        let of = self.expression(Expression::Primitive(primitive, span));
        Operand::Expression { of, qualifiers: None, joined: false }
    }

    fn term(&mut self, kind: TermKind, first: usize) -> TermId {
        let span = self.span_from(first);
        self.tree.terms.push(Term { kind, span });
        TermId(self.tree.terms.len() - 1)
    }
}

/// What came of handing an operand to the frame above.
enum Reduced {
    Operand(Operand),
    /// A frame that needs another operand.
    NeedsOperand,
    /// The whole filter.
    Done,
}
