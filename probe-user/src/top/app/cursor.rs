//! Which row is selected. It is known by what it is, not by its place: rows change places each second, and
//! whoever presses a key means the row that was there.

/// The selected row of a tab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// What identifies it; none: the first one.
    row: Option<String>,
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// So many rows, up where negative.
    By(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

impl Cursor {
    /// The place of the selected row among these; of one that is gone the first.
    pub fn place(&self, rows: &[String]) -> usize {
        let place = self.row.as_ref().and_then(|row| rows.iter().position(|it| it == row));
        place.unwrap_or(0)
    }

    /// Goes to another one of these rows.
    pub fn go(&mut self, rows: &[String], to: Move) {
        let last = rows.len().saturating_sub(1);
        let place = match to {
            Move::By(by) => self.place(rows).saturating_add_signed(by).min(last),
            Move::First => 0,
            Move::Last => last,
        };
        self.row = rows.get(place).cloned();
    }

    /// Selects this row.
    pub fn select(&mut self, row: String) {
        self.row = Some(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_stays_selected_where_rows_change_places() {
        let rows = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut cursor = Cursor::default();
        cursor.go(&rows("a b c d"), Move::By(1));
        assert_eq!(cursor.place(&rows("a b c d")), 1);
        assert_eq!(cursor.place(&rows("d c b a")), 2);
        cursor.go(&rows("d c b a"), Move::By(-9));
        assert_eq!(cursor.place(&rows("d c b a")), 0);
        cursor.go(&rows("d c b a"), Move::Last);
        assert_eq!(cursor, Cursor { row: Some("a".into()) });
        // It is gone; and there are none at all.
        assert_eq!(cursor.place(&rows("x y")), 0);
        cursor.go(&[], Move::First);
        assert_eq!(cursor, Cursor::default());
    }
}
