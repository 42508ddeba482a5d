use super::text::Uptime;
use crate::limits::{CHART_POINT_S, CHART_POINTS_MAX};
use std::fmt::{self, Display, Formatter, Write};

/// A chart of the last hour, as an inline SVG with a legend.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// Returns a value as text.
    pub(super) show: fn(f64) -> String,
    pub(super) lines: &'a [Line],
}

/// A line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    /// What it shows, where there are several.
    pub(super) name: &'static str,
    /// The last one is that of the present.
    pub(super) values: Vec<f64>,
}

/// Height of the drawing, whose width is the number of points. It is stretched to its place.
const HEIGHT: f64 = 300.0;

/// What the highest value leaves of the height.
const HEADROOM: f64 = 1.08;

impl Display for Chart<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { id, title, show, lines } = self;
        let peak = lines.iter().map(Line::peak).fold(0.0, f64::max);
        write!(out, "<figure><figcaption><h3>{title}</h3>")?;
        for (number, line) in lines.iter().enumerate() {
            write!(out, "<p class=\"key l{number}\">{} <b>{}</b></p>", line.name, show(line.now()))?;
        }
        write!(
            out,
            "</figcaption><svg role=\"img\" aria-labelledby=\"{id}-title {id}-text\" \
             viewBox=\"0 0 {CHART_POINTS_MAX} {HEIGHT}\" preserveAspectRatio=\"none\">\
             <title id=\"{id}-title\">{title} in the last hour</title><desc id=\"{id}-text\">"
        )?;
        lines.iter().try_for_each(|line| line.write_description(out, *show))?;
        write!(out, "</desc><path class=\"grid\" d=\"M0 75H720M0 150H720M0 225H720\"/>")?;
        for (number, line) in lines.iter().enumerate() {
            line.write_paths(out, number, peak * HEADROOM)?;
        }
        let first = lines.iter().map(|line| line.values.len()).max().unwrap_or_default() as u64;
        // The first point is one interval after the start.
        let ago = match first * CHART_POINT_S {
            3600.. => "1 h".to_owned(),
            seconds => Uptime(seconds).to_string(),
        };
        write!(
            out,
            "</svg><p class=\"scale\" aria-hidden=\"true\"><span>{ago} ago</span><span>peak {}</span>\
             <span>now</span></p></figure>",
            show(peak)
        )
    }
}

impl Line {
    fn peak(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }

    fn now(&self) -> f64 {
        self.values.last().copied().unwrap_or_default()
    }

    fn write_description(&self, out: &mut impl Write, show: fn(f64) -> String) -> fmt::Result {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min).min(self.peak());
        write!(
            out,
            "{}: {} now, between {} and {}. ",
            if self.name.is_empty() { "Value" } else { self.name },
            show(self.now()),
            show(least),
            show(self.peak())
        )
    }

    /// Draws the line and the area below it, stretched over the width as far as there are values. `top` is the value
    /// at the upper edge.
    fn write_paths(&self, out: &mut impl Write, number: usize, top: f64) -> fmt::Result {
        let mut path = String::new();
        let step = CHART_POINTS_MAX as f64 / (self.values.len().max(2) - 1) as f64;
        for (index, value) in self.values.iter().enumerate() {
            let y = if top > 0.0 { HEIGHT - value / top * HEIGHT } else { HEIGHT };
            let command = if index == 0 { 'M' } else { 'L' };
            write!(path, "{command}{:.0} {y:.0}", index as f64 * step)?;
        }
        if self.values.len() < 2 {
            return Ok(());
        }
        write!(
            out,
            "<path class=\"area l{number}\" d=\"{path}V{HEIGHT}H0Z\"/>\
             <path class=\"line l{number}\" vector-effect=\"non-scaling-stroke\" d=\"{path}\"/>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(lines: &[Line]) -> String {
        Chart { id: "a", title: "Announces", show: |value| format!("{value:.1}"), lines }.to_string()
    }

    #[test]
    fn a_line_goes_from_the_oldest_value_to_the_present() {
        let text = chart(&[Line { name: "", values: vec![0.0, 50.0, 100.0] }]);
        assert!(
            text.contains(r#"class="line l0" vector-effect="non-scaling-stroke" d="M0 300L360 161L720 22""#),
            "{text}"
        );
        assert!(text.contains("Value: 100.0 now, between 0.0 and 100.0."), "{text}");
    }

    #[test]
    fn a_chart_without_values_or_with_zeros_is_sound() {
        for values in [vec![], vec![0.0], vec![0.0; 720]] {
            let text = chart(&[Line { name: "B", values }]);
            assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
        }
    }
}
