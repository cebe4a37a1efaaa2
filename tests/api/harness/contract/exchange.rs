//! A request and its response.

use std::cell::RefCell;
use std::fmt;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// A request and its response.
#[derive(Clone)]
pub struct Exchange {
    pub method: Method,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub status: u16,
    pub response_headers: HeaderMap,
    pub response: String,
}

tokio::task_local! {
    static EXCHANGES: RefCell<Vec<Exchange>>;
}

/// Returns the exchanges of this task while it runs `work`.
pub async fn record(work: impl Future<Output = ()>) -> Vec<Exchange> {
    let work = async {
        work.await;
        EXCHANGES.with(RefCell::take)
    };
    EXCHANGES.scope(RefCell::default(), work).await
}

/// Keeps an exchange, if they are being recorded.
pub fn remember(exchange: Exchange) {
    // An error says that nothing is being recorded.
    let _ = EXCHANGES.try_with(|exchanges| exchanges.borrow_mut().push(exchange));
}

impl Exchange {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether an id in the path has an encoded slash.
    pub fn has_slash_in_id(&self) -> bool {
        self.path().to_ascii_lowercase().contains("%2f")
    }

    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The values of a header of the request, as API Gateway joins them.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.iter();
        let values = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<_> = values.map(|(_, value)| value.trim()).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// A header of the response.
    pub fn response_header(&self, name: &str) -> Option<String> {
        let value = self.response_headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The body of the response; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.response).unwrap_or_default()
    }

    /// Whether API Gateway refused the request, and no function ran.
    pub fn is_from_gateway(&self) -> bool {
        self.status >= 400 && self.response_header("x-request-id").is_none()
    }
}

/// With bodies shortened.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shorten = |text: &str| text.chars().take(2000).collect::<String>();
        writeln!(f, "{} {}", self.method, self.target)?;
        for (name, value) in self
            .headers
            .iter()
            .filter(|(name, _)| name != "authorization")
        {
            writeln!(f, "{name}: {value}")?;
        }
        writeln!(f, "{}", shorten(&String::from_utf8_lossy(&self.body)))?;
        writeln!(f, "{} {:?}", self.status, self.response_headers)?;
        write!(f, "{}", shorten(&self.response))
    }
}
