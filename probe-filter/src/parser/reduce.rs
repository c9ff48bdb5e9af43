//! The end of an operand: which construct it completes, given the token that follows.

use super::{AddressForm, Frame, Indexed, Join, Operand, Parser, Place, Reduced};
use crate::ast::{
    Address, Expression, ExpressionId, Primitive, Qualifiers, Relation, TermId, TermKind,
};
use crate::error::Error;
use crate::ir::Alu;
use crate::keywords::Word;
use crate::lexer::{Symbol, TokenKind};

impl Parser<'_> {
    pub(super) fn reduce(&mut self, operand: Operand) -> Result<Reduced, Error> {
        match operand {
            Operand::Number(number) => self.reduce_number(number),
            Operand::Term(term) => self.reduce_term(term),
            Operand::Address { of, qualifiers, form } => self.reduce_address(of, qualifiers, form),
            Operand::Expression { of, qualifiers, joined } => {
                self.reduce_expression(of, qualifiers, joined)
            }
        }
    }

    /// What follows decides whether a number is an address or arithmetic.
    fn reduce_number(&mut self, number: u32) -> Result<Reduced, Error> {
        let place = self.place();
        let next = &self.peek().kind;
        let last = self.at.saturating_sub(1);
        if place == Place::NUMBER && !matches!(self.frames.last(), Some(Frame::Paren(..)))
            || place.arithmetic && (operation(next).is_some() || relation(next).is_some())
        {
            let term = self.term(TermKind::Number(number), last);
            return Ok(Reduced::Operand(Operand::Term(term)));
        }
        if let (Some(Frame::Paren(..)), TokenKind::Symbol(Symbol::Close)) =
            (self.frames.last(), next)
        {
            self.frames.pop();
            self.at += 1;
            return Ok(Reduced::Operand(Operand::Number(number)));
        }
        if !place.address {
            let token = self.peek();
            let expected = if place.arithmetic { "an operator or a comparison" } else { "')'" };
            return Err(Error::new(token.span.clone(), "a number alone is not an expression")
                .expected(expected));
        }
        let span = self.tokens[last].span.clone();
        let qualifiers = place.inherited;
        let primitive = Primitive::Address(qualifiers, Address::Number(number));
        let of = self.expression(Expression::Primitive(primitive, span));
        Ok(Reduced::Operand(Operand::Address { of, qualifiers, form: AddressForm::Bare }))
    }

    fn reduce_term(&mut self, term: TermId) -> Result<Reduced, Error> {
        let next = &self.peek().kind;
        if let Some(operation) = operation(next)
            && self.binds_tighter(operation)
        {
            self.at += 1;
            let first = self.first_token_of(term);
            self.push(Frame::Operation(operation, term, first))?;
            return Ok(Reduced::NeedsOperand);
        }
        match self.frames.last().copied() {
            Some(Frame::Operation(operation, left, first)) => {
                self.frames.pop();
                let kind = TermKind::Operation(operation, left, term);
                Ok(Reduced::Operand(Operand::Term(self.term(kind, first))))
            }
            Some(Frame::Minus(first)) => {
                self.frames.pop();
                Ok(Reduced::Operand(Operand::Term(self.term(TermKind::Negated(term), first))))
            }
            Some(Frame::Index(indexed, first)) => {
                let size = self.index_size()?;
                self.frames.pop();
                let kind = match indexed {
                    Indexed::Protocol(protocol) => TermKind::Bytes(protocol, term, size),
                    Indexed::Payload => TermKind::Payload(term, size),
                };
                Ok(Reduced::Operand(Operand::Term(self.term(kind, first))))
            }
            Some(Frame::Relation(compare, left, first)) => {
                self.frames.pop();
                let span = self.span_from(first);
                let primitive = Primitive::Relation { compare, left, right: term };
                Ok(Reduced::Operand(self.primitive(primitive, span)))
            }
            Some(Frame::Paren(place, _))
                if place.arithmetic && *next == TokenKind::Symbol(Symbol::Close) =>
            {
                self.frames.pop();
                self.at += 1;
                Ok(Reduced::Operand(Operand::Term(term)))
            }
            _ => self.start_relation(term),
        }
    }

    fn start_relation(&mut self, term: TermId) -> Result<Reduced, Error> {
        let token = self.peek();
        match relation(&token.kind) {
            Some(compare) if self.place().expression => {
                self.at += 1;
                let first = self.first_token_of(term);
                self.push(Frame::Relation(compare, term, first))?;
                Ok(Reduced::NeedsOperand)
            }
            _ => {
                let inside = !self.place().expression;
                Err(Error::new(token.span.clone(), "this cannot follow a number").expected(
                    if inside { "an operator or ')'" } else { "an operator or a comparison" },
                ))
            }
        }
    }

    /// The token that a term starts with.
    fn first_token_of(&self, term: TermId) -> usize {
        let start = self.tree.terms[term.0].span.start;
        self.tokens.partition_point(|token| token.span.start < start)
    }

    /// Whether the operator that follows takes the term before the frame on the stack
    /// does. libpcap gives `%` and `^` no precedence, so its parser always goes on.
    fn binds_tighter(&self, operation: Alu) -> bool {
        match (self.frames.last(), precedence(operation)) {
            (Some(Frame::Operation(earlier, ..)), Some(later)) => {
                precedence(*earlier).is_none_or(|earlier| later > earlier)
            }
            (Some(Frame::Minus(_)), Some(_)) => false,
            _ => true,
        }
    }

    /// `]` or `:SIZE]`
    fn index_size(&mut self) -> Result<u32, Error> {
        let mut size = 1;
        let mut expected = "an operator, ':' or ']'";
        if self.take_symbol(Symbol::Colon) {
            let token = self.take();
            let TokenKind::Number(number) = token.kind else {
                return Err(Error::new(token.span.clone(), "the number of bytes is missing")
                    .expected("1, 2 or 4"));
            };
            size = number;
            expected = "']'";
        }
        if self.take_symbol(Symbol::CloseIndex) {
            return Ok(size);
        }
        Err(Error::new(self.peek().span.clone(), "this bracket is not closed").expected(expected))
    }

    fn reduce_address(
        &mut self,
        of: ExpressionId,
        qualifiers: Option<Qualifiers>,
        form: AddressForm,
    ) -> Result<Reduced, Error> {
        match self.frames.last().copied() {
            Some(Frame::Not(_)) => {
                self.frames.pop();
                let of = self.expression(Expression::Not(of));
                let form = AddressForm::Named;
                Ok(Reduced::Operand(Operand::Address { of, qualifiers, form }))
            }
            Some(Frame::Head(_)) => {
                self.frames.pop();
                Ok(Reduced::Operand(Operand::Expression { of, qualifiers, joined: false }))
            }
            Some(Frame::Left { join, left, of_addresses, .. }) => {
                self.frames.pop();
                let of = self.join(join, left, of);
                Ok(Reduced::Operand(if of_addresses {
                    Operand::Address { of, qualifiers, form: AddressForm::List }
                } else {
                    Operand::Expression { of, qualifiers, joined: true }
                }))
            }
            Some(Frame::Paren(..)) if form != AddressForm::Parenthesised => {
                if let Some(join) = self.take_join() {
                    let frame = Frame::Left { join, left: of, of_addresses: true, qualifiers };
                    self.push(frame)?;
                    return Ok(Reduced::NeedsOperand);
                }
                if self.take_symbol(Symbol::Close) {
                    self.frames.pop();
                    let form = AddressForm::Parenthesised;
                    return Ok(Reduced::Operand(Operand::Address { of, qualifiers, form }));
                }
                Err(Error::new(self.peek().span.clone(), "this cannot follow an address")
                    .expected("and, or, or ')'"))
            }
            Some(Frame::Paren(..)) => Err(Error::new(
                self.peek().span.clone(),
                "a list of addresses cannot start with another list",
            )
            .expected("the inner parentheses after the first address, or none")),
            _ => Err(Error::new(self.peek().span.clone(), "an address cannot stand here")),
        }
    }

    fn reduce_expression(
        &mut self,
        of: ExpressionId,
        qualifiers: Option<Qualifiers>,
        joined: bool,
    ) -> Result<Reduced, Error> {
        if !joined {
            match self.frames.last().copied() {
                Some(Frame::Not(_)) => {
                    self.frames.pop();
                    let of = self.expression(Expression::Not(of));
                    return Ok(Reduced::Operand(Operand::Expression { of, qualifiers, joined }));
                }
                Some(Frame::Left { join, left, of_addresses: false, .. }) => {
                    self.frames.pop();
                    let of = self.join(join, left, of);
                    return Ok(Reduced::Operand(Operand::Expression {
                        of,
                        qualifiers,
                        joined: true,
                    }));
                }
                _ => {}
            }
        }
        let sign = self.at;
        if let Some(join) = self.take_join() {
            if joined && join == Join::And && self.is_or(of) {
                self.tree.mixed.push(self.tokens[sign].span.clone());
            }
            self.push(Frame::Left { join, left: of, of_addresses: false, qualifiers })?;
            return Ok(Reduced::NeedsOperand);
        }
        let token = self.peek();
        match (self.frames.last().copied(), &token.kind) {
            (Some(Frame::Paren(place, _)), TokenKind::Symbol(Symbol::Close)) => {
                self.frames.pop();
                self.at += 1;
                // What follows takes the qualifiers from before the parenthesis.
                let qualifiers = place.inherited;
                Ok(Reduced::Operand(Operand::Expression { of, qualifiers, joined: false }))
            }
            (Some(Frame::Paren(_, open)), TokenKind::End) => {
                let span = self.tokens[open].span.clone();
                Err(Error::new(span, "this parenthesis is never closed").expected("')' at the end"))
            }
            (None, TokenKind::End) => Ok(Reduced::Done),
            (frame, _) => {
                let expected =
                    if frame.is_some() { "and, or, or ')'" } else { "and, or, or the end" };
                Err(Error::new(token.span.clone(), "this cannot follow an expression")
                    .expected(expected))
            }
        }
    }

    fn is_or(&self, of: ExpressionId) -> bool {
        matches!(self.tree.expressions.get(of.0), Some(Expression::Or(..)))
    }

    fn take_join(&mut self) -> Option<Join> {
        if self.take_word(Word::And) {
            Some(Join::And)
        } else if self.take_word(Word::Or) {
            Some(Join::Or)
        } else {
            None
        }
    }

    fn join(&mut self, join: Join, left: ExpressionId, right: ExpressionId) -> ExpressionId {
        self.expression(match join {
            Join::And => Expression::And(left, right),
            Join::Or => Expression::Or(left, right),
        })
    }
}

fn operation(token: &TokenKind) -> Option<Alu> {
    let TokenKind::Symbol(symbol) = token else { return None };
    Some(match symbol {
        Symbol::Plus => Alu::Add,
        Symbol::Minus => Alu::Sub,
        Symbol::Times => Alu::Mul,
        Symbol::Slash => Alu::Div,
        Symbol::Percent => Alu::Mod,
        Symbol::Ampersand => Alu::And,
        Symbol::Bar => Alu::Or,
        Symbol::Caret => Alu::Xor,
        Symbol::ShiftLeft => Alu::Shl,
        Symbol::ShiftRight => Alu::Shr,
        _ => return None,
    })
}

fn relation(token: &TokenKind) -> Option<Relation> {
    let TokenKind::Symbol(symbol) = token else { return None };
    Some(match symbol {
        Symbol::Equal => Relation::Equal,
        Symbol::NotEqual => Relation::NotEqual,
        Symbol::Greater => Relation::Greater,
        Symbol::GreaterEqual => Relation::GreaterEqual,
        Symbol::Less => Relation::Less,
        Symbol::LessEqual => Relation::LessEqual,
        _ => return None,
    })
}

fn precedence(operation: Alu) -> Option<u8> {
    Some(match operation {
        Alu::Mod | Alu::Xor => return None,
        Alu::Or => 1,
        Alu::And => 2,
        Alu::Shl | Alu::Shr => 3,
        Alu::Add | Alu::Sub => 4,
        Alu::Mul | Alu::Div => 5,
    })
}
