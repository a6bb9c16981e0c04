//! A plan in words, for people.

use super::Pipeline;
use super::plan::{From, Gaps, How, Limits, Number, OneHot, Plan};
use crate::error::printable;
use crate::table::spelt;
use std::fmt;

/// Levels named in a line.
const SHOWN: usize = 6;

impl Pipeline {
    /// What is done with the column of a plan, in one line.
    #[must_use]
    pub fn explain(&self, plan: &Plan) -> String {
        let text = plan.to_string();
        let together = self.together.iter().find(|t| t.filled().any(|name| name == plan.name));
        match (together, &plan.how) {
            (Some(together), How::Number(Number { impute: Some(value), .. })) => {
                let (plain, better) = (short(*value), together.words());
                text.replacen(&format!("; {plain} where missing"), &format!("; {better} where missing"), 1)
            }
            _ => text,
        }
    }
}

/// What is done with the column, in one line.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Number(number) => write!(f, "{number}")?,
            How::Levels(levels) => write!(f, "{levels}")?,
        }
        match self.gaps {
            Gaps::Fill => {}
            Gaps::Drop => write!(f, "; rows without a value are dropped")?,
            Gaps::Error => write!(f, "; a missing value is an error")?,
        }
        if self.weight != 1.0 {
            write!(f, "; counts {} times", self.weight)?;
        }
        Ok(())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            From::Number => write!(f, "number")?,
            From::YesNo => write!(f, "yes as 1, no as 0")?,
            From::DaysBefore(day) => write!(f, "days before {}", spelt(*day))?,
            From::Level(levels) => {
                let shown: Vec<String> = levels
                    .iter()
                    .take(SHOWN)
                    .map(|(name, v)| format!("{} as {}", printable(name), short(*v)))
                    .collect();
                write!(f, "{}{}", shown.join(", "), if levels.len() > SHOWN { ", .." } else { "" })?;
            }
        }
        if let Some(Limits { low, high, clip }) = self.limits {
            let what = if clip { "held within" } else { "marked beyond" };
            write!(f, "; {what} {} and {}", short(low), short(high))?;
        }
        if let Some(value) = self.impute {
            write!(f, "; {} where missing", short(value))?;
        }
        if self.indicator {
            write!(f, ", which another feature says")?;
        }
        if let Some(name) = self.transform.name() {
            write!(f, "; {name}")?;
        }
        if (self.offset, self.divisor) != (0.0, 1.0) {
            write!(f, "; less {}, divided by {}", short(self.offset), short(self.divisor))?;
        }
        Ok(())
    }
}

impl fmt::Display for OneHot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.levels.iter().take(SHOWN).map(|l| printable(l)).collect();
        let more = if self.levels.len() > SHOWN { ", .." } else { "" };
        write!(f, "1 or 0 for each of {}{more}", shown.join(", "))?;
        if self.other {
            write!(f, ", and for all others")?;
        }
        if self.missing {
            write!(f, ", and for missing values")?;
        }
        Ok(())
    }
}

/// A number in at most six digits.
fn short(value: f64) -> String {
    let plain = value.to_string();
    if plain.len() <= 8 { plain } else { format!("{value:.5e}").parse::<f64>().map_or(plain, |v| v.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::super::transform::Transform;
    use super::*;

    #[test]
    fn a_plan_reads_well() {
        let number = Number {
            from: From::Number,
            limits: Some(Limits { low: 0.0, high: 9e5, clip: true }),
            impute: Some(41_500.0),
            indicator: false,
            transform: Transform::Log1p,
            offset: 12.0,
            divisor: 1.0 / 3.0,
        };
        let plan = Plan { name: "income".into(), weight: 2.0, gaps: Gaps::Fill, how: How::Number(number) };
        assert_eq!(
            plan.to_string(),
            "number; held within 0 and 900000; 41500 where missing; log1p; less 12, divided by 0.333333; counts 2 times"
        );
        let levels = OneHot { levels: vec!["a".into(), "b".into()], other: true, missing: false };
        let plan = Plan { name: "plan".into(), weight: 1.0, gaps: Gaps::Drop, how: How::Levels(levels) };
        assert_eq!(plan.to_string(), "1 or 0 for each of a, b, and for all others; rows without a value are dropped");
    }
}
