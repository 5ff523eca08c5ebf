//! The figures of several rounds in one.

/// The median of some figures, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of no figures there is none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        let lower = if figures.len().is_multiple_of(2) { figures[middle - 1] } else { upper };
        Some(Self { median: f64::midpoint(lower, upper), least: figures[0], most: *figures.last()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_number_of_figures_has_one_in_the_middle() {
        assert_eq!(Spread::of([9.0, 1.0, 4.0]), Some(Spread { median: 4.0, least: 1.0, most: 9.0 }));
        assert_eq!(Spread::of([2.5]), Some(Spread { median: 2.5, least: 2.5, most: 2.5 }));
    }

    #[test]
    fn an_even_number_of_figures_has_its_median_between_the_two_in_the_middle() {
        assert_eq!(Spread::of([8.0, 1.0, 2.0, 4.0]), Some(Spread { median: 3.0, least: 1.0, most: 8.0 }));
    }

    #[test]
    fn no_figures_have_no_median() {
        assert_eq!(Spread::of([]), None);
    }
}
