//! The start of an operand: everything that a single token announces.

use super::{AddressForm, Frame, Indexed, Operand, Parser, Place};
use crate::ast::{
    Address, ByteTest, Direction, Expression, Kind, LlcFrame, Macro, Primitive, Protocol,
    Qualifiers, TermKind,
};
use crate::error::{Error, quoted};
use crate::keywords::{self, Word};
use crate::lexer::{Symbol, Token, TokenKind};

impl Parser<'_> {
    /// Reads up to the end of the next operand, pushing frames for what stands around it.
    pub(super) fn operand(&mut self) -> Result<Operand, Error> {
        loop {
            let place = self.place();
            let first = self.at;
            let token = self.take();
            match &token.kind {
                TokenKind::Word(Word::Not) if place.address || place.expression => {
                    let inner = Place { arithmetic: place.expression, ..place };
                    self.push(Frame::Not(inner))?;
                }
                TokenKind::Symbol(Symbol::Open) => self.push(Frame::Paren(place, first))?,
                TokenKind::Symbol(Symbol::Minus) if place.arithmetic => {
                    self.push(Frame::Minus(first))?;
                }
                TokenKind::Number(number) => return Ok(Operand::Number(*number)),
                TokenKind::Word(Word::Length) if place.arithmetic => {
                    return Ok(Operand::Term(self.term(TermKind::Length, first)));
                }
                TokenKind::Word(Word::Protocol(protocol))
                    if place.arithmetic && self.take_symbol(Symbol::OpenIndex) =>
                {
                    self.push(Frame::Index(Indexed::Protocol(*protocol), first))?;
                }
                TokenKind::Name(name) if place.arithmetic && self.is_payload(name, token) => {
                    if self.take_symbol(Symbol::OpenIndex) {
                        self.push(Frame::Index(Indexed::Payload, first))?;
                    } else if place.expression {
                        return self.payload_start(first);
                    } else {
                        return Err(self.unexpected(token, place));
                    }
                }
                TokenKind::Word(word) if place.expression => {
                    if let Some(operand) = self.word(*word, first, token, place)? {
                        return Ok(operand);
                    }
                }
                TokenKind::Macro(name) if place.expression => {
                    let Some(name) = Macro::ALL.iter().find(|m| m.name() == name) else {
                        let message = format!("unknown macro '@{name}'");
                        return Err(
                            Error::new(token.span.clone(), message).expected(keywords::macros())
                        );
                    };
                    return Ok(self.primitive(Primitive::Macro(*name), token.span.clone()));
                }
                _ if place.address => return self.address(token, first, place),
                _ => return Err(self.unexpected(token, place)),
            }
        }
    }

    /// `payload` is no reserved word: it may be a host's name. Before `[` or `"` it
    /// cannot be one.
    fn is_payload(&self, name: &str, token: &Token) -> bool {
        name == "payload"
            && token.span.len() == name.len()
            && matches!(self.peek().kind, TokenKind::Symbol(Symbol::OpenIndex) | TokenKind::Text(_))
    }

    fn payload_start(&mut self, first: usize) -> Result<Operand, Error> {
        let token = self.take();
        match &token.kind {
            TokenKind::Text(text) if !text.is_empty() => {
                let span = self.span_from(first);
                Ok(self.primitive(Primitive::PayloadStart(text.clone()), span))
            }
            _ => Err(Error::new(token.span.clone(), "the text is empty")
                .expected("at least one character between the quotes")),
        }
    }

    /// A reserved word that starts an expression. `None` where it announced an address.
    fn word(
        &mut self,
        word: Word,
        first: usize,
        token: &Token,
        place: Place,
    ) -> Result<Option<Operand>, Error> {
        let primitive = match word {
            Word::Protocol(protocol) => return self.after_protocol(Some(protocol), first),
            Word::Broadcast => Primitive::Broadcast(None),
            Word::Multicast => Primitive::Multicast(None),
            Word::Src
            | Word::Dst
            | Word::Address(_)
            | Word::Host
            | Word::Net
            | Word::Port
            | Word::PortRange
            | Word::Proto
            | Word::ProtoChain
            | Word::Gateway => {
                self.at = first;
                return self.after_protocol(None, first);
            }
            Word::Less => Primitive::Less(self.number("a length in bytes")?),
            Word::Greater => Primitive::Greater(self.number("a length in bytes")?),
            Word::Byte => self.byte()?,
            Word::Inbound => Primitive::Inbound,
            Word::Outbound => Primitive::Outbound,
            Word::Ifindex => Primitive::Ifindex(self.number("the number of an interface")?),
            Word::Vlan => Primitive::Vlan(self.optional_number()?),
            Word::Mpls => Primitive::Mpls(self.optional_number()?),
            Word::Pppoed => Primitive::Pppoed,
            Word::Pppoes => Primitive::Pppoes(self.optional_number()?),
            Word::Geneve => Primitive::Geneve(self.optional_number()?),
            Word::Llc => Primitive::Llc(self.llc_frame()?),
            Word::Rnr => return Err(foreign(keywords::Foreign::PacketFilter, token)),
            Word::Foreign(link) => return Err(foreign(link, token)),
            Word::And | Word::Or | Word::Not | Word::Mask | Word::Length => {
                return Err(self.unexpected(token, place));
            }
        };
        let span = self.span_from(first);
        Ok(Some(self.primitive(primitive, span)))
    }

    /// What follows a protocol, or the place where one may be left out.
    fn after_protocol(
        &mut self,
        protocol: Option<Protocol>,
        first: usize,
    ) -> Result<Option<Operand>, Error> {
        let mut qualifiers = Qualifiers { protocol, ..Qualifiers::default() };
        let token = self.peek();
        match token.kind {
            TokenKind::Word(Word::Src | Word::Dst | Word::Address(_)) => {
                qualifiers.direction = Some(self.direction()?);
                qualifiers.kind = self.kind();
            }
            TokenKind::Word(Word::Proto) => {
                self.at += 1;
                qualifiers.kind = Some(Kind::Protocol);
            }
            TokenKind::Word(Word::ProtoChain) => {
                self.at += 1;
                qualifiers.kind = Some(Kind::ProtocolChain);
            }
            TokenKind::Word(Word::Gateway) => {
                self.at += 1;
                qualifiers.kind = Some(Kind::Gateway);
            }
            TokenKind::Word(Word::Broadcast) => {
                self.at += 1;
                let span = self.span_from(first);
                return Ok(Some(self.primitive(Primitive::Broadcast(protocol), span)));
            }
            TokenKind::Word(Word::Multicast) => {
                self.at += 1;
                let span = self.span_from(first);
                return Ok(Some(self.primitive(Primitive::Multicast(protocol), span)));
            }
            TokenKind::Word(Word::Foreign(link @ keywords::Foreign::Wlan)) => {
                return Err(foreign(link, token));
            }
            _ => {
                qualifiers.kind = self.kind();
                if let (None, Some(protocol)) = (qualifiers.kind, protocol) {
                    let span = self.span_from(first);
                    return Ok(Some(self.primitive(Primitive::Protocol(protocol), span)));
                }
            }
        }
        self.push(Frame::Head(qualifiers))?;
        Ok(None)
    }

    /// `src`, `dst or src` and so on.
    fn direction(&mut self) -> Result<Direction, Error> {
        let token = self.take();
        let (direction, other) = match token.kind {
            TokenKind::Word(Word::Src) => (Direction::Source, Word::Dst),
            TokenKind::Word(Word::Dst) => (Direction::Destination, Word::Src),
            TokenKind::Word(Word::Address(direction)) => return Ok(direction),
            _ => return Err(Error::new(token.span.clone(), "no direction").expected("src or dst")),
        };
        let joined = match self.peek().kind {
            TokenKind::Word(Word::Or) => Direction::Either,
            TokenKind::Word(Word::And) => Direction::Both,
            _ => return Ok(direction),
        };
        self.at += 1;
        if self.take_word(other) {
            return Ok(joined);
        }
        let token = self.peek();
        Err(Error::new(token.span.clone(), "the other direction is missing")
            .expected(if other == Word::Dst { "dst" } else { "src" }))
    }

    fn kind(&mut self) -> Option<Kind> {
        let kind = match self.peek().kind {
            TokenKind::Word(Word::Host) => Kind::Host,
            TokenKind::Word(Word::Net) => Kind::Net,
            TokenKind::Word(Word::Port) => Kind::Port,
            TokenKind::Word(Word::PortRange) => Kind::PortRange,
            _ => return None,
        };
        self.at += 1;
        Some(kind)
    }

    fn number(&mut self, what: &str) -> Result<u32, Error> {
        let token = self.take();
        match token.kind {
            TokenKind::Number(number) => Ok(number),
            _ => Err(Error::new(token.span.clone(), "a number is missing").expected(what)),
        }
    }

    /// A number, possibly in parentheses, if one follows.
    fn optional_number(&mut self) -> Result<Option<u32>, Error> {
        let mut open = 0_usize;
        while self.take_symbol(Symbol::Open) {
            open += 1;
        }
        match self.peek().kind {
            TokenKind::Number(number) => {
                self.at += 1;
                for _ in 0..open {
                    if !self.take_symbol(Symbol::Close) {
                        let span = self.peek().span.clone();
                        return Err(Error::new(span, "a parenthesis is not closed").expected("')'"));
                    }
                }
                Ok(Some(number))
            }
            _ if open == 0 => Ok(None),
            _ => Err(Error::new(self.peek().span.clone(), "a number is missing")
                .expected("a number between the parentheses")),
        }
    }

    fn byte(&mut self) -> Result<Primitive, Error> {
        let index = self.number("the offset of a byte")?;
        let token = self.take();
        let test = match token.kind {
            TokenKind::Symbol(Symbol::Equal) => ByteTest::Equal,
            TokenKind::Symbol(Symbol::Less) => ByteTest::Less,
            TokenKind::Symbol(Symbol::Greater) => ByteTest::Greater,
            TokenKind::Symbol(Symbol::Ampersand) => ByteTest::And,
            TokenKind::Symbol(Symbol::Bar) => ByteTest::Or,
            _ => {
                return Err(Error::new(token.span.clone(), "an operator is missing")
                    .expected("one of = < > & |"));
            }
        };
        Ok(Primitive::Byte(index, test, self.number("a value of the byte")?))
    }

    fn llc_frame(&mut self) -> Result<Option<LlcFrame>, Error> {
        let token = self.peek();
        let name = match &token.kind {
            TokenKind::Name(name) => name.to_ascii_lowercase(),
            TokenKind::Word(Word::Rnr) => "rnr".to_owned(),
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(match name.as_str() {
            "i" => LlcFrame::Information,
            "s" => LlcFrame::Supervisory,
            "u" => LlcFrame::Unnumbered,
            "rr" => LlcFrame::SupervisoryType(0x01),
            "rnr" => LlcFrame::SupervisoryType(0x05),
            "rej" => LlcFrame::SupervisoryType(0x09),
            "ui" => LlcFrame::UnnumberedType(0x03),
            "ua" => LlcFrame::UnnumberedType(0x63),
            "disc" => LlcFrame::UnnumberedType(0x43),
            "dm" => LlcFrame::UnnumberedType(0x0f),
            "sabme" => LlcFrame::UnnumberedType(0x6f),
            "test" => LlcFrame::UnnumberedType(0xe3),
            "xid" => LlcFrame::UnnumberedType(0xaf),
            "frmr" => LlcFrame::UnnumberedType(0x87),
            _ => {
                let message = format!("{} is no type of LLC frame", quoted(&name));
                return Err(Error::new(token.span.clone(), message)
                    .expected("one of i s u rr rnr rej ui ua disc dm sabme test xid frmr"));
            }
        }))
    }

    /// An address other than a bare number.
    fn address(&mut self, token: &Token, first: usize, place: Place) -> Result<Operand, Error> {
        let address = match &token.kind {
            TokenKind::Name(name) => Address::Name(name.clone()),
            TokenKind::Dotted(dotted) => self.after_dotted(dotted)?,
            TokenKind::Ipv6(address) => {
                let length = if self.take_symbol(Symbol::Slash) {
                    Some(self.number("the length of a prefix, 0 to 128")?)
                } else {
                    None
                };
                Address::Ipv6(*address, length)
            }
            TokenKind::Mac(address) => Address::Mac(*address),
            TokenKind::Arcnet => Address::Arcnet,
            _ => return Err(self.unexpected(token, place)),
        };
        let span = self.span_from(first);
        let qualifiers = place.inherited;
        let primitive = Primitive::Address(qualifiers, address);
        let of = self.expression(Expression::Primitive(primitive, span));
        Ok(Operand::Address { of, qualifiers, form: AddressForm::Named })
    }

    fn after_dotted(&mut self, dotted: &str) -> Result<Address, Error> {
        if self.take_symbol(Symbol::Slash) {
            let length = self.number("the length of a prefix, 0 to 32")?;
            return Ok(Address::DottedPrefix(dotted.to_owned(), length));
        }
        if self.take_word(Word::Mask) {
            let token = self.take();
            return match &token.kind {
                TokenKind::Dotted(mask) => Ok(Address::DottedMask(dotted.to_owned(), mask.clone())),
                _ => Err(Error::new(token.span.clone(), "a mask is missing")
                    .expected("a mask, as 255.255.0.0")),
            };
        }
        Ok(Address::Dotted(dotted.to_owned()))
    }

    /// What stands at a place where it may not.
    pub(super) fn unexpected(&self, token: &Token, place: Place) -> Error {
        let message = match &token.kind {
            TokenKind::End => "the filter ends too early".to_owned(),
            TokenKind::Name(name) if keywords::word(&name.to_ascii_lowercase()).is_some() => {
                "reserved words are written in lower case".to_owned()
            }
            _ => "this cannot stand here".to_owned(),
        };
        let expected = match place {
            Place { address: true, expression: true, .. } => {
                "an expression, or an address that takes the qualifiers before it"
            }
            Place { address: true, inherited: Some(qualifiers), .. } => match qualifiers.kind {
                Some(Kind::Port) => "a port: a number or a name",
                Some(Kind::PortRange) => "two ports with '-' between them",
                Some(Kind::Net) => "a network, as 192.0.2.0/24, 2001:db8::/32 or a name",
                Some(Kind::Protocol | Kind::ProtocolChain) => {
                    "a protocol: a number, or a name with a backslash before reserved words, as \\tcp"
                }
                Some(Kind::Gateway) => "the name of a host",
                Some(Kind::Host) | None => "an address or the name of a host",
            },
            Place { address: true, .. } => "an address",
            Place { expression: true, .. }
                if matches!(
                    token.kind,
                    TokenKind::Name(_) | TokenKind::Dotted(_) | TokenKind::Ipv6(_)
                ) =>
            {
                "host, net, port or the like before it"
            }
            Place { expression: true, .. } => "an expression, as tcp, host 192.0.2.1 or port 80",
            Place { .. } => "a number, len, or bytes as tcp[0]",
        };
        Error::new(token.span.clone(), message).expected(expected)
    }
}

fn foreign(link: keywords::Foreign, token: &Token) -> Error {
    let message = format!("this word is for {} links", link.name());
    Error::new(token.span.clone(), message)
}
