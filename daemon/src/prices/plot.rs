//! Past prices as a picture: a panel for each fleet in one SVG file that needs nothing else.
//!
//! Lines are told apart by colour, by the mark on them, by dashes and by the name at their end, so that the picture
//! reads in print and to who sees colours differently. Above, on-demand is dashed beside them on a scale from zero, so
//! that what is saved is what is seen; below, spot is alone and large.

use core::ops::Range;
use std::collections::BTreeMap;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordi64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use policies::units::{Span, Time, UnitPrice};

use super::{FleetPrices, Row, short};

/// Lines of a panel: the cheapest pools. More are no picture any more.
pub const LINES: usize = 12;

/// Of a panel, in pixels.
const WIDTH: u32 = 1_200;
const HEIGHT: u32 = 740;

/// Of that, for what is beside on-demand.
const OVERVIEW: u32 = 270;

/// Right of the plot, for the names.
const NAMES: i32 = 400;

/// From name to name.
const NAME_HEIGHT: i32 = 16;

/// Marks on a line.
const MARKS: i64 = 5;

/// Okabe and Ito's colours for all kinds of colour vision, without black, which is on-demand's, and without yellow,
/// which is faint on paper. Source: <https://jfly.uni-koeln.de/color/>.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// Nothing is told of any pool.
    #[error("no past price of any of these pools is told: the table says why")]
    Nothing,
    /// It could not be drawn.
    #[error("{0}")]
    Drawing(String),
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<TimeAxis, RangedCoordi64>>;
type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// What these fleets' pools cost since then, as SVG.
///
/// # Errors
/// When nothing is told of any.
pub fn svg(fleets: &[FleetPrices], since: Time) -> Result<String, PlotError> {
    let panels: Vec<_> = fleets.iter().map(|fleet| Panel::new(fleet, since)).filter(|p| !p.lines.is_empty()).collect();
    if panels.is_empty() {
        return Err(PlotError::Nothing);
    }
    let mut text = String::new();
    draw(&panels, &mut text).map_err(|error| PlotError::Drawing(error.to_string()))?;
    Ok(text)
}

fn draw(panels: &[Panel<'_>], text: &mut String) -> Result<(), DrawError> {
    let height = u32::try_from(panels.len()).unwrap_or(u32::MAX).saturating_mul(HEIGHT);
    let all = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    all.fill(&WHITE)?;
    for (panel, area) in panels.iter().zip(all.split_evenly((panels.len(), 1))) {
        panel.draw(&area)?;
    }
    all.present()
}

/// One pool's line: prices of a unit-hour in billionths at milliseconds.
struct Line {
    name: String,
    points: Vec<(i64, i64)>,
    last: UnitPrice,
}

/// One fleet's picture.
struct Panel<'a> {
    fleet: &'a FleetPrices,
    lines: Vec<Line>,
    /// On-demand prices of the types of the lines, with the names.
    full: BTreeMap<UnitPrice, Vec<String>>,
    time: TimeAxis,
    left_out: usize,
}

fn nanos(price: UnitPrice) -> i64 {
    i64::try_from(price.nanos()).unwrap_or(i64::MAX)
}

impl<'a> Panel<'a> {
    fn new(fleet: &'a FleetPrices, since: Time) -> Self {
        let told: Vec<&Row> = fleet.pools.iter().filter(|row| row.past_per_unit().next().is_some()).collect();
        let until = fleet.at.max(since.plus(Span::from_mins(1)));
        let time = TimeAxis { from: since.as_millis(), to: until.as_millis() };
        let mut full = BTreeMap::<_, Vec<String>>::new();
        let mut lines = Vec::new();
        for row in told.iter().take(LINES) {
            let pool = &row.price.pool;
            if let Some(price) = row.price.on_demand {
                let names = full.entry(price.per_unit(row.price.units)).or_default();
                let name = format!("{}/{}", pool.lane(), pool.instance_type());
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let Some((_, last)) = row.past_per_unit().last() else { continue };
            lines.push(Line { name: short(pool), points: steps(row, &time), last });
        }
        Self { fleet, left_out: told.len() - lines.len(), lines, full, time }
    }

    fn draw(&self, area: &Area<'_>) -> Result<(), DrawError> {
        let FleetPrices { fleet, unit, .. } = self.fleet;
        let mut title = format!("fleet {fleet}: spot prices per {unit}-hour, by pool");
        if self.left_out > 0 {
            title.push_str(&format!(" (the cheapest {} of {})", self.lines.len(), self.lines.len() + self.left_out));
        }
        let style = ("sans-serif", 24).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Top));
        area.draw(&Text::new(title, (20, 14), style))?;
        let (_, below) = area.split_vertically(40);
        let (beside, alone) = below.split_vertically(OVERVIEW);
        let paid = || self.lines.iter().flat_map(|line| line.points.iter().map(|(_, price)| *price));
        let (low, high) = (paid().min().unwrap_or(0), paid().max().unwrap_or(0));
        let highest = self.full.keys().map(|price| nanos(*price)).fold(high, i64::max);
        self.beside_on_demand(&beside, 0..highest.saturating_add(highest / 8).max(1))?;
        let space = ((high - low) / 12).max(high / 100).max(1);
        self.spot_alone(&alone, low.saturating_sub(space).max(0)..high.saturating_add(space))
    }

    /// Axes with what they count.
    fn axes<'b>(&self, area: &Area<'b>, prices: Range<i64>, what: &str) -> Result<Chart<'b>, DrawError> {
        let mut chart = ChartBuilder::on(area)
            .caption(what, ("sans-serif", 17))
            .margin(14)
            .margin_right(NAMES)
            .x_label_area_size(44)
            .y_label_area_size(84)
            .build_cartesian_2d(self.time.clone(), prices)?;
        let price = |nanos: &i64| UnitPrice::from_nanos(u64::try_from(*nanos).unwrap_or(0)).to_string();
        let (_, height) = area.dim_in_pixel();
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(222, 222, 222))
            .label_style(("sans-serif", 15))
            .axis_desc_style(("sans-serif", 16))
            .x_labels(9)
            .y_labels(usize::try_from(height / 50).unwrap_or(4))
            .x_label_formatter(&|at| self.time.label(*at))
            .y_label_formatter(&price)
            .x_desc("time (UTC)")
            .y_desc(format!("{} per {}-h", self.fleet.currency.code(), self.fleet.unit))
            .draw()?;
        Ok(chart)
    }

    /// The whole scale, with what on-demand costs.
    fn beside_on_demand(&self, area: &Area<'_>, prices: Range<i64>) -> Result<(), DrawError> {
        let mut chart = self.axes(area, prices, "beside on-demand (dashed)")?;
        for price in self.full.keys() {
            let points = [(self.time.from, nanos(*price)), (self.time.to, nanos(*price))];
            chart.draw_series(DashedLineSeries::new(points, 9, 6, BLACK.stroke_width(1)))?;
        }
        for (number, line) in self.lines.iter().enumerate().rev() {
            chart.draw_series([PathElement::new(line.points.clone(), colour(number).stroke_width(1))])?;
        }
        let ends = self.full.iter().filter_map(|(price, names)| {
            let (one, rest) = names.split_first()?;
            let more = if rest.is_empty() { String::new() } else { format!(" +{}", rest.len()) };
            let at = place(area, &chart, (self.time.to, nanos(*price)));
            Some(End { at, name: format!("{price}  on-demand {one}{more}"), line: None })
        });
        names(area, ends.collect())
    }

    /// Spot as large as it goes, each pool with its marks and its name.
    fn spot_alone(&self, area: &Area<'_>, prices: Range<i64>) -> Result<(), DrawError> {
        let mut chart = self.axes(area, prices, "spot alone (the axis does not begin at zero)")?;
        // The cheapest last, so that it is on top.
        for (number, line) in self.lines.iter().enumerate().rev() {
            let (points, style) = (line.points.iter().copied(), colour(number).stroke_width(2));
            if number < COLOURS.len() {
                chart.draw_series([PathElement::new(line.points.clone(), style)])?;
            } else {
                // The second round of colours.
                chart.draw_series(DashedLineSeries::new(points, 14, 5, style))?;
            }
            for point in self.marks(line, number) {
                mark(area, place(area, &chart, point), number)?;
            }
        }
        let ends = self.lines.iter().enumerate().map(|(number, line)| {
            let at = place(area, &chart, (self.time.to, nanos(line.last)));
            End { at, name: format!("{}  {}", line.last, line.name), line: Some(number) }
        });
        names(area, ends.collect())
    }

    /// Where marks stand on a line: on each a little further than on the last, so that none hides another.
    fn marks(&self, line: &Line, number: usize) -> Vec<(i64, i64)> {
        let (number, lines) = (i64::try_from(number).unwrap_or(0), i64::try_from(self.lines.len()).unwrap_or(1));
        let parts = (MARKS * lines * 2).max(1);
        let at =
            |mark: i64| self.time.from + (self.time.to - self.time.from) / parts * ((mark * lines + number) * 2 + 1);
        let in_force =
            |at: i64| line.points.iter().rev().find(|(since, _)| *since <= at).map(|(_, price)| (at, *price));
        (0..MARKS).filter_map(|mark| in_force(at(mark))).collect()
    }
}

/// A price stays until the next one.
fn steps(row: &Row, time: &TimeAxis) -> Vec<(i64, i64)> {
    let mut points: Vec<(i64, i64)> = Vec::new();
    for (at, price) in row.past_per_unit() {
        let at = at.as_millis().clamp(time.from, time.to);
        if let Some((_, before)) = points.last().copied() {
            points.push((at, before));
        }
        points.push((at, nanos(price)));
    }
    let last = points.last().map(|(_, price)| (time.to, *price));
    points.extend(last);
    points
}

fn colour(number: usize) -> RGBColor {
    COLOURS.get(number % COLOURS.len()).copied().unwrap_or(BLACK)
}

/// The mark of a line. There is one more colour than there are marks, so that no two lines of a panel share both.
fn mark(area: &Area<'_>, (x, y): (i32, i32), number: usize) -> Result<(), DrawError> {
    let style = colour(number).filled();
    match number % 5 {
        0 => area.draw(&Circle::new((x, y), 4, style)),
        1 => area.draw(&Polygon::new([(x - 5, y + 4), (x + 5, y + 4), (x, y - 5)], style)),
        2 => area.draw(&Rectangle::new([(x - 4, y - 4), (x + 4, y + 4)], style)),
        3 => area.draw(&Polygon::new([(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)], style)),
        _ => area.draw(&Cross::new((x, y), 4, colour(number).stroke_width(2))),
    }
}

/// A point of a chart, by the pixels of its area.
fn place(area: &Area<'_>, chart: &Chart<'_>, point: (i64, i64)) -> (i32, i32) {
    let ((x, y), (left, top)) = (chart.backend_coord(&point), area.get_base_pixel());
    (x - left, y - top)
}

/// Where a line ends, and what is written there.
struct End {
    at: (i32, i32),
    name: String,
    /// Number of the pool's line; `None`: on-demand.
    line: Option<usize>,
}

/// Writes names beside the ends of their lines, apart from each other, with a thread to each.
fn names(area: &Area<'_>, mut ends: Vec<End>) -> Result<(), DrawError> {
    // Of lines that end together the dearest is above.
    ends.sort_by_key(|end| (end.at.1, core::cmp::Reverse(end.line)));
    let mut heights: Vec<i32> = ends.iter().map(|end| end.at.1).collect();
    let (_, height) = area.dim_in_pixel();
    apart(&mut heights, i32::try_from(height).unwrap_or(i32::MAX) - NAME_HEIGHT);
    for (End { at: (x, from), name, line }, y) in ends.into_iter().zip(heights) {
        let colour = line.map_or(BLACK, colour);
        area.draw(&PathElement::new([(x + 2, from), (x + 14, y), (x + 18, y)], colour.stroke_width(1)))?;
        if let Some(number) = line {
            mark(area, (x + 24, y), number)?;
        }
        let style = ("sans-serif", 15).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(name, (x + 34, y), style))?;
    }
    Ok(())
}

/// Moves rising heights so that each is a name's height from the next, as little as can be, and the last is at most
/// this.
fn apart(heights: &mut [i32], lowest: i32) {
    // Names that touch stand together around the middle of where each would stand: their sum, how many, and the first.
    let mut groups: Vec<(i32, i32, usize)> = Vec::new();
    let top = |(sum, count, _): (i32, i32, usize)| sum / count - (count - 1) * NAME_HEIGHT / 2;
    for (number, height) in heights.iter().enumerate() {
        let mut group = (*height, 1, number);
        while let Some(above) = groups.pop_if(|above| top(*above) + above.1 * NAME_HEIGHT > top(group)) {
            group = (above.0 + group.0, above.1 + group.1, above.2);
        }
        groups.push(group);
    }
    for group in groups {
        let names = heights.iter_mut().skip(group.2).zip(0..group.1);
        names.for_each(|(height, n)| *height = top(group) + n * NAME_HEIGHT);
    }
    let mut most = lowest;
    for height in heights.iter_mut().rev() {
        *height = (*height).min(most);
        most = height.saturating_sub(NAME_HEIGHT);
    }
}

/// Time in milliseconds, with marks where clocks are round.
#[derive(Clone)]
struct TimeAxis {
    from: i64,
    to: i64,
}

/// Milliseconds from mark to mark: round minutes, hours, days and weeks.
const MARK_STEPS: [i64; 15] = [
    60_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    345_600_000,
    604_800_000,
    1_209_600_000,
    2_419_200_000,
];

impl TimeAxis {
    /// The day at midnight, else the time of day.
    fn label(&self, at: i64) -> String {
        let form = if at.rem_euclid(86_400_000) == 0 { "%b %-d" } else { "%H:%M" };
        jiff::Timestamp::from_millisecond(at).map(|at| at.strftime(form).to_string()).unwrap_or_default()
    }
}

impl Ranged for TimeAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, (low, high): (i32, i32)) -> i32 {
        let length = i128::from((self.to - self.from).max(1));
        let shift = i128::from(value - self.from) * i128::from(high - low) / length;
        low.saturating_add(i32::try_from(shift).unwrap_or(0))
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<i64> {
        let most = i64::try_from(hint.max_num_points()).unwrap_or(i64::MAX).max(1);
        let fits = |step: &i64| (self.to - self.from) / step < most;
        let Some(step) = MARK_STEPS.into_iter().find(fits) else { return Vec::new() };
        let first = self.from.div_euclid(step) * step + step;
        (0..most).map(|n| first + n * step).take_while(|at| *at <= self.to).collect()
    }

    fn range(&self) -> Range<i64> {
        self.from..self.to
    }
}

impl ValueFormatter<i64> for TimeAxis {
    fn format_ext(&self, at: &i64) -> String {
        self.label(*at)
    }
}

#[cfg(test)]
mod tests {
    use policies::model::{Market, Pool};
    use policies::plan::PoolPrice;
    use policies::units::{Capacity, Currency, PricePerHour};

    use super::*;

    const NOW: Time = Time::from_millis(1_790_000_000_000);

    fn hours_ago(hours: u64) -> Time {
        NOW.minus(Span::from_hours(hours))
    }

    /// A pool that cost so much an hour before, and since.
    fn row(zone: &str, before: u64, since: u64) -> Row {
        let price = PoolPrice {
            pool: Pool::new("aws", "r", zone, "c6i.large", Market::Spot),
            offer: None,
            price: Some(PricePerHour::from_micros(since)),
            units: Capacity::units(2),
            on_demand: Some(PricePerHour::from_micros(100_000)),
            failures: 0,
            refused: None,
        };
        let past = [(hours_ago(50), before), (hours_ago(1), since)];
        Row {
            price,
            failure: None,
            signals: Vec::new(),
            past: past.map(|(at, micros)| (at, PricePerHour::from_micros(micros))).into(),
        }
    }

    fn fleet(name: &str, pools: Vec<Row>) -> FleetPrices {
        FleetPrices { fleet: name.into(), unit: "vcpu", currency: Currency::Usd, at: NOW, pools }
    }

    fn texts(svg: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(svg).unwrap();
        document.descendants().filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
    }

    #[test]
    fn the_picture_is_whole_xml_and_names_every_line_and_its_unit() {
        let pools = (0..14).map(|n| row(&format!("r-<{n}>&"), 30_000 + 100 * n, 40_000 + 100 * n)).collect();
        let drawn =
            svg(&[fleet("web", pools), fleet("batch", vec![row("r-b", 10_000, 20_000)])], hours_ago(24)).unwrap();
        let said = texts(&drawn);
        for n in 0..12 {
            let name = format!("  aws/r-<{n}>&/c6i.large");
            assert!(said.iter().any(|text| text.starts_with("0.02") && text.ends_with(&name)), "{n}: {said:?}");
        }
        assert!(!said.iter().any(|text| text.contains("r-<12>&")), "{said:?}");
        for text in [
            "fleet web: spot prices per vcpu-hour, by pool (the cheapest 12 of 14)",
            "fleet batch: spot prices per vcpu-hour, by pool",
            "0.0500  on-demand aws/r/c6i.large",
            "USD per vcpu-h",
            "time (UTC)",
            "0.0100  aws/r-b/c6i.large",
        ] {
            assert!(said.iter().any(|found| found == text), "{text}: {said:?}");
        }
        assert!(!drawn.contains("href") && !drawn.contains("url("), "it needs nothing else");
    }

    #[test]
    fn no_two_lines_share_colour_and_mark() {
        let pairs: std::collections::BTreeSet<_> = (0..LINES).map(|n| (n % COLOURS.len(), n % 5)).collect();
        assert_eq!(pairs.len(), LINES);
    }

    #[test]
    fn without_any_past_there_is_no_picture() {
        let mut pool = row("r-a", 1, 2);
        pool.past.clear();
        assert!(matches!(svg(&[fleet("web", vec![pool])], hours_ago(24)), Err(PlotError::Nothing)));
    }

    #[test]
    fn a_price_is_drawn_until_the_next_one_and_within_the_time() {
        let time = TimeAxis { from: hours_ago(24).as_millis(), to: NOW.as_millis() };
        let change = hours_ago(1).as_millis();
        let expected = [(time.from, 15_000_000), (change, 15_000_000), (change, 20_000_000), (time.to, 20_000_000)];
        assert_eq!(steps(&row("r-a", 30_000, 40_000), &time), expected);
    }

    #[test]
    fn names_stand_apart_and_as_near_as_can_be() {
        let moved = |mut heights: Vec<i32>| {
            apart(&mut heights, 400);
            heights
        };
        assert_eq!(moved(vec![10, 100, 101, 200]), [10, 92, 108, 200]);
        assert_eq!(moved(vec![100, 100, 100]), [84, 100, 116]);
        assert_eq!(moved(vec![100, 110, 130]), [97, 113, 130], "who has room stays");
        assert_eq!(moved(vec![395, 399]), [384, 400]);
        assert_eq!(moved(vec![]), [0; 0]);
    }

    #[test]
    fn time_is_marked_where_clocks_are_round() {
        let axis = |hours| TimeAxis { from: hours_ago(hours).as_millis(), to: NOW.as_millis() };
        let labels = |hours: u64| -> Vec<String> {
            let axis = axis(hours);
            axis.key_points(9_usize).into_iter().map(|at| axis.label(at)).collect()
        };
        assert_eq!(labels(24), ["15:00", "18:00", "21:00", "Sep 21", "03:00", "06:00", "09:00", "12:00"]);
        assert_eq!(labels(7 * 24), ["Sep 15", "Sep 16", "Sep 17", "Sep 18", "Sep 19", "Sep 20", "Sep 21"]);
        assert!(labels(90 * 24).len() > 4 && labels(1).len() > 4);
        assert_eq!(axis(10).map(&hours_ago(5).as_millis(), (100, 300)), 200);
    }
}
