//! Curves as SVG.

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

const SIZE: (u32, u32) = (760, 420);
/// Distinct to most eyes, on white and in grey (Okabe and Ito).
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

/// One line of a plot.
#[derive(Clone, Debug)]
pub struct Curve {
    /// What its legend says.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// What a plot shows.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Above it.
    pub title: String,
    /// Below it.
    pub x: String,
    /// Left of it.
    pub y: String,
    /// Whether its x axis doubles where others add: for numbers from 1 to hundreds.
    pub doubling: bool,
    /// What it shows.
    pub curves: Vec<Curve>,
}

impl Plot {
    /// The picture. Points that are not numbers are left out.
    pub fn svg(&self) -> Result<String> {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let seen: Vec<(f64, f64)> = points().copied().filter(|&(_, y)| y.is_finite()).collect();
        let least = seen.iter().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let most = seen.iter().map(|point| point.0).fold(f64::NEG_INFINITY, f64::max);
        let top = seen.iter().map(|point| point.1).fold(0.0, f64::max) * 1.08;
        let bottom = seen.iter().map(|point| point.1).fold(0.0, f64::min) * 1.08;
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
            area.fill(&WHITE).context("drawing")?;
            let y = bottom..top.max(1.0);
            if self.doubling {
                self.draw(&area, (least..most).log_scale().base(2.0), y)?;
            } else {
                self.draw(&area, least..most, y)?;
            }
            area.present().context("drawing")?;
        }
        Ok(text)
    }

    fn draw<X>(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        x: X,
        y: std::ops::Range<f64>,
    ) -> Result<()>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(58)
            .build_cartesian_2d(x, y)
            .context("drawing axes")?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(&self.x).y_desc(&self.y).light_line_style(WHITE).x_labels(12);
        mesh.label_style(("sans-serif", 13)).draw().context("drawing axes")?;
        for (curve, color) in self.curves.iter().zip(COLORS.iter().cycle()) {
            let points = || curve.points.iter().copied().filter(|(_, y)| y.is_finite());
            let line = LineSeries::new(points(), color.stroke_width(2));
            let legend =
                move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2));
            chart.draw_series(line).context("drawing a curve")?.label(&curve.name).legend(legend);
            let dots = points().map(|point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots).context("drawing points")?;
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8));
        labels.label_font(("sans-serif", 13)).draw().context("drawing the legend")
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Plot};

    #[test]
    fn every_point_that_is_a_number_is_drawn() {
        let points = vec![(1.0, 3.0), (64.0, f64::NAN), (512.0, 40.0)];
        let curve = Curve { name: "count & co".into(), points };
        let (x, y) = ("rules".to_owned(), "ns".to_owned());
        for doubling in [false, true] {
            let (title, curves) = ("Growth".to_owned(), vec![curve.clone()]);
            let plot = Plot { title, x: x.clone(), y: y.clone(), doubling, curves };
            let svg = plot.svg().unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
            assert_eq!(svg.matches("<circle").count(), 2, "{svg}");
            assert!(svg.contains("count &amp; co"), "{svg}");
        }
    }
}
