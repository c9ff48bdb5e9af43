//! Text with numbers out of the packet: `"octets #8, errors #4"` takes eight bytes, then four.

use super::{
    bytes::{Cut, Fields},
    text::{Text, put},
};

impl Text<'_> {
    /// Writes `form`, in which `#1`, `#2`, `#3`, `#4` and `#8` stand for the next field of so
    /// many bytes and `_4` for one that is passed over. Nothing is written where the bytes do
    /// not suffice.
    pub(super) fn template(&mut self, fields: &mut Fields<'_>, form: &str) -> Result<(), Cut> {
        let start = self.out.len();
        let result = self.try_template(fields, form);
        if result.is_err() {
            self.out.truncate(start);
        }
        result
    }

    fn try_template(&mut self, fields: &mut Fields<'_>, form: &str) -> Result<(), Cut> {
        let mut rest = form;
        while let Some(at) = rest.find(['#', '_']) {
            let (text, mark) = rest.split_at(at);
            let size = mark.get(1..2).unwrap_or_default();
            let number: u64 = match size {
                "1" => fields.u8()?.into(),
                "2" => fields.u16()?.into(),
                "3" => fields.u24()?.into(),
                "4" => fields.u32()?.into(),
                "8" => fields.u64()?,
                // No field: the mark is itself.
                _ => {
                    put!(self, "{text}{}", &mark[..1]);
                    rest = &mark[1..];
                    continue;
                }
            };
            put!(self, "{text}");
            if mark.starts_with('#') {
                put!(self, "{number}");
            }
            rest = &mark[2..];
        }
        put!(self, "{rest}");
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
            assert_eq!(t.template(&mut fields, "#1 and #4"), Err(Cut));
        });
        assert_eq!(text, "a_b 1, 2 (4).");
    }
}
