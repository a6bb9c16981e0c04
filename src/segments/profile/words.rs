//! What a column is about, told by its name, and what a marketer calls having much or little of it.

use super::Kind;

/// What a column is about: of two columns about the same thing one is enough for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Time since the last purchase.
    Recency,
    /// Time since the first one.
    Tenure,
    /// What is spent in one purchase.
    Basket,
    /// What is spent.
    Spend,
    /// How often they buy.
    Orders,
    /// How often they look.
    Visits,
    /// Years of life.
    Age,
    /// What they earn.
    Income,
    /// Whether they leave.
    Churn,
}

impl About {
    /// What the column of that name is about, if the name tells: the first rule that fits. A bare "age" is a word, for "usage"
    /// and "page" hold it too; a "last order" is a time only where days or a date say so.
    pub(super) fn column(name: &str, kind: Kind) -> Option<Self> {
        let words = words(name);
        let is = |all: &[&str]| words.iter().any(|word| all.contains(&word.as_str()));
        let starts = |all: &[&str]| words.iter().any(|word| all.iter().any(|start| word.starts_with(start)));
        let time = kind == Kind::Date || is(&["days", "weeks", "months", "since"]);
        let last = starts(&["recency", "inactiv"]) || time && is(&["last", "latest"]);
        if kind == Kind::Category {
            return None;
        }
        Some(if starts(&["churn", "attrition"]) {
            Self::Churn
        } else if last {
            Self::Recency
        } else if starts(&["tenure", "seniority"])
            || time && (is(&["first", "customer", "member"]) || starts(&["signup", "join", "regist", "created"]))
        {
            Self::Tenure
        } else if is(&["since"]) {
            Self::Recency
        } else if starts(&["basket", "aov"]) || is(&["order"]) && is(&["value", "size", "amount"]) {
            Self::Basket
        } else if starts(&["spend", "spent", "revenue", "monetary", "sales", "turnover"]) {
            Self::Spend
        } else if starts(&["frequency", "orders", "purchases", "transactions", "bookings"])
            || is(&["order", "purchase", "transaction"]) && is(&["count", "n", "num", "number", "total"])
        {
            Self::Orders
        } else if starts(&["visit", "session", "login"]) {
            Self::Visits
        } else if is(&["age"]) {
            Self::Age
        } else if starts(&["income", "salary", "earning"]) {
            Self::Income
        } else {
            return None;
        })
    }

    /// What having much of it is called, or little.
    fn called(self, much: bool) -> &'static str {
        match (self, much) {
            (Self::Recency, true) => "long inactive",
            (Self::Recency, false) => "recent",
            (Self::Tenure, true) => "long-standing",
            (Self::Tenure, false) => "new",
            (Self::Basket, true) => "large baskets",
            (Self::Basket, false) => "small baskets",
            (Self::Spend, true) => "high spend",
            (Self::Spend, false) => "low spend",
            (Self::Orders, true) => "frequent buyers",
            (Self::Orders, false) => "rare buyers",
            (Self::Visits, true) => "frequent visits",
            (Self::Visits, false) => "few visits",
            (Self::Age, true) => "older",
            (Self::Age, false) => "younger",
            (Self::Income, true) => "high income",
            (Self::Income, false) => "low income",
            (Self::Churn, true) => "high churn",
            (Self::Churn, false) => "low churn",
        }
    }

    /// Whether both are about the same thing: who looks often mostly buys often.
    pub(super) fn is_like(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Orders, Self::Visits) | (Self::Visits, Self::Orders))
    }

    /// Whether it grows with the time since, so that a late date is little of it.
    fn since(self) -> bool {
        matches!(self, Self::Recency | Self::Tenure)
    }
}

/// What having much or little of a column of numbers or dates is called.
pub(super) fn much_or_little(name: &str, kind: Kind, much: bool) -> String {
    match (About::column(name, kind), kind) {
        (Some(about), Kind::Date) if about.since() => about.called(!much).into(),
        (_, Kind::Date) => format!("{} {}", if much { "late" } else { "early" }, readable(name)),
        (Some(about), _) => about.called(much).into(),
        (None, _) => format!("{} {}", if much { "high" } else { "low" }, readable(name)),
    }
}

/// What holding a level is called: `premium plan`; the level alone where it says what it is of.
pub(super) fn level(level: &str, column: &str) -> String {
    let (spelt, of) = (shortened(level), words(column));
    match of.last().is_some_and(|last| words(level).contains(last)) {
        true => spelt,
        false => format!("{spelt} {}", readable(column)),
    }
}

/// A column's name as words: `avgOrder_value` is `avg order value`.
pub(super) fn readable(name: &str) -> String {
    let words = words(name);
    if words.is_empty() { shortened(name) } else { shortened(&words.join(" ")) }
}

/// What saying yes is called: `is_vip` is `vip`.
pub(super) fn said(name: &str) -> String {
    match words(name).as_slice() {
        [first, rest @ ..] if !rest.is_empty() && ["is", "has", "was"].contains(&first.as_str()) => {
            shortened(&rest.join(" "))
        }
        _ => readable(name),
    }
}

/// A text in one line of at most 30 characters.
fn shortened(text: &str) -> String {
    const MOST: usize = 30;
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((cut, _)) => line[..cut].trim_end().to_owned() + "…",
        None => line,
    }
}

/// The words of a name, in lower case: cut at what is neither letter nor digit, and before a capital after a small letter.
fn words(name: &str) -> Vec<String> {
    let (mut words, mut word, mut before) = (Vec::new(), String::new(), ' ');
    for c in name.chars().chain([' ']) {
        let starts = c.is_uppercase() && before.is_lowercase();
        if (starts || !c.is_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_columns_are_called_what_a_marketer_calls_them() {
        for (name, much, little) in [
            ("recency_days", "long inactive", "recent"),
            ("daysSinceLastOrder", "long inactive", "recent"),
            ("days_since_signup", "long-standing", "new"),
            ("Total Spend", "high spend", "low spend"),
            ("monetary", "high spend", "low spend"),
            ("order_count", "frequent buyers", "rare buyers"),
            ("frequency", "frequent buyers", "rare buyers"),
            ("avg_order_value", "large baskets", "small baskets"),
            ("web-visits", "frequent visits", "few visits"),
            ("tenure", "long-standing", "new"),
            ("AGE", "older", "younger"),
            ("churned", "high churn", "low churn"),
            ("page_usage", "high page usage", "low page usage"),
            ("lastName", "high last name", "low last name"),
            ("MRR2024", "high mrr2024", "low mrr2024"),
            ("Ü_größe", "high ü größe", "low ü größe"),
            ("=1+1", "high 1 1", "low 1 1"),
            ("$$", "high $$", "low $$"),
        ] {
            let called = |much| much_or_little(name, Kind::Number, much);
            assert_eq!((called(true), called(false)), (much.to_owned(), little.to_owned()), "{name}");
        }
    }

    #[test]
    fn a_late_date_is_little_time() {
        let called = |name, late| much_or_little(name, Kind::Date, late);
        assert_eq!(
            (called("last_order", true), called("last_order", false)),
            ("recent".into(), "long inactive".into())
        );
        assert_eq!((called("signup", true), called("first_order", false)), ("new".into(), "long-standing".into()));
        assert_eq!(
            (called("renewal", true), called("renewal", false)),
            ("late renewal".into(), "early renewal".into())
        );
    }

    #[test]
    fn a_level_says_what_it_is_of() {
        assert_eq!(level("premium", "plan"), "premium plan");
        assert_eq!(level("Premium Plan", "plan"), "Premium Plan");
        assert_eq!(level("DSL", "internet_service"), "DSL internet service");
        assert_eq!(level("a\u{7}\n b", "x"), "a b x");
        assert_eq!(level(&"y".repeat(99), "x").chars().count(), 33);
    }
}
