//! Text with numbers out of the packet: `"octets #8, errors #4"` takes eight bytes, then four.

use super::{
    bytes::{Fields, Stop},
    text::{Text, put},
};

impl Text<'_> {
    /// Writes `form`, in which `#1`, `#2`, `#3`, `#4` and `#8` stand for the next field of so
    /// many bytes and `_4` for one that is passed over. Nothing is written where the bytes do
    /// not suffice.
    pub(super) fn template(&mut self, fields: &mut Fields<'_>, form: &str) -> Result<(), Stop> {
        let start = self.out.len();
        let result = self.try_template(fields, form);
        if result.is_err() {
            self.out.truncate(start);
        }
        result
    }

    fn try_template(&mut self, fields: &mut Fields<'_>, form: &str) -> Result<(), Stop> {
        let mut characters = form.chars().peekable();
        while let Some(mark) = characters.next() {
            let size = characters.peek().filter(|_| matches!(mark, '#' | '_'));
            let number: u64 = match size {
                Some('1') => fields.u8()?.into(),
                Some('2') => fields.u16()?.into(),
                Some('3') => fields.u24()?.into(),
                Some('4') => fields.u32()?.into(),
                Some('8') => fields.u64()?,
                // No field: the character is itself.
                _ => {
                    put!(self, "{mark}");
                    continue;
                }
            };
            characters.next();
            if mark == '#' {
                put!(self, "{number}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Style, bytes::Bytes, text::written};

    #[test]
    fn fields_of_each_size() {
        let mut fields = Fields::new(Bytes::new(&[1, 0, 2, 0, 0, 0, 3, 0, 0, 4, 9]), 11);
        let text = written(&Style::default(), |t| {
            assert_eq!(t.template(&mut fields, "a_b #1, #2_4 (#3)."), Ok(()));
            assert_eq!(t.template(&mut fields, "#1 and #4"), Err(Stop::Cut));
        });
        assert_eq!(text, "a_b 1, 2 (4).");
    }
}
