//! The line in which a filter is typed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A filter that is being typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    /// Characters before the cursor.
    cursor: usize,
    /// What is wrong with it, since somebody asked.
    pub error: Option<String>,
}

/// What a key made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is more to type.
    GoOn,
    /// This is it.
    Done,
    /// It is not wanted any more.
    Cancelled,
}

impl Prompt {
    /// Begins with a text that is there already.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), cursor: text.chars().count(), error: None }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Characters before the cursor.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Takes a key.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return Answer::Done,
            KeyCode::Esc => return Answer::Cancelled,
            KeyCode::Char('c' | 'd') if control => return Answer::Cancelled,
            KeyCode::Char('u') if control => self.delete(0),
            KeyCode::Char('w') if control => self.delete(self.word()),
            KeyCode::Char('a') if control => self.cursor = 0,
            KeyCode::Char('e') if control => self.cursor = self.length(),
            KeyCode::Char(_) if control => {}
            KeyCode::Char(character) => {
                self.text.insert(self.byte(self.cursor), character);
                self.cursor += 1;
            }
            KeyCode::Backspace => self.delete(self.cursor.saturating_sub(1)),
            KeyCode::Delete if self.cursor < self.length() => {
                self.text.remove(self.byte(self.cursor));
            }
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.length()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.length(),
            _ => {}
        }
        Answer::GoOn
    }

    fn length(&self) -> usize {
        self.text.chars().count()
    }

    /// Where a character begins.
    fn byte(&self, character: usize) -> usize {
        self.text.char_indices().nth(character).map_or(self.text.len(), |(byte, _)| byte)
    }

    /// Deletes what is between a character and the cursor.
    fn delete(&mut self, from: usize) {
        self.text.drain(self.byte(from)..self.byte(self.cursor));
        self.cursor = from;
    }

    /// The beginning of the word before the cursor.
    fn word(&self) -> usize {
        let before: Vec<char> = self.text.chars().take(self.cursor).collect();
        let blanks = before.iter().rev().take_while(|it| it.is_whitespace()).count();
        let word = before.iter().rev().skip(blanks).take_while(|it| !it.is_whitespace()).count();
        self.cursor - blanks - word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited() {
        let mut prompt = Prompt::default();
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        for character in "tcp prt é0".chars() {
            assert_eq!(prompt.key(plain(KeyCode::Char(character))), Answer::GoOn);
        }
        for code in [KeyCode::Left, KeyCode::Backspace, KeyCode::Char('8'), KeyCode::End] {
            prompt.key(plain(code));
        }
        assert_eq!((prompt.text(), prompt.cursor()), ("tcp prt 80", 10));
        prompt.key(control('w'));
        prompt.key(control('w'));
        assert_eq!((prompt.text(), prompt.cursor()), ("tcp ", 4));
        prompt.key(plain(KeyCode::Home));
        prompt.key(plain(KeyCode::Delete));
        assert_eq!((prompt.text(), prompt.cursor()), ("cp ", 0));
        prompt.key(plain(KeyCode::Backspace));
        prompt.key(control('e'));
        prompt.key(control('u'));
        assert_eq!(prompt, Prompt::default());
        assert_eq!(prompt.key(control('c')), Answer::Cancelled);
        assert_eq!(prompt.key(plain(KeyCode::Enter)), Answer::Done);
    }
}
