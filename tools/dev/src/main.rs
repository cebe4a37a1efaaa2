//! `cargo dev`: the whole API on this machine, with demo data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dev::Error;
use dev::demo::{self, PEOPLE};
use dev::stack::{self, Stack};

/// Runs CityPay Messages on this machine, with demo data.
#[derive(Parser)]
#[command(name = "cargo dev")]
struct Options {
    /// The port to answer on; 0 takes any free one
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The address to answer on
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The file to keep all data in [default: in memory, gone at the end]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            return fail(
                error
                    .to_string()
                    .lines()
                    .next()
                    .unwrap_or_default()
                    .trim_start_matches("error: "),
            );
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::FAILURE
}

async fn run(Options { port, host, data }: Options) -> Result<(), Error> {
    let (listener, address) = stack::listen(&host, port).await?;
    let stack = Stack::start(data.as_deref()).await?;
    let api = stack.api(stack.store.clone())?;
    demo::load(&stack.store).await?;
    shared::log::init();
    greet(address)?;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, api)
        .with_graceful_shutdown(interrupted)
        .await?;
    Ok(())
}

/// Says where it is, who one can be, and what to type.
fn greet(address: SocketAddr) -> Result<(), Error> {
    let api = format!("http://{address}");
    let conversation = demo::CONVERSATION;
    let message = demo::first_message()?;
    println!("CityPay Messages answers on {api} (Ctrl-C ends it)\n");
    println!("Tokens, good on this machine only:");
    for person in &PEOPLE {
        println!("  {:20} {}", person.token, person.username);
    }
    println!(
        r#"
Try, from another terminal:
  curl -G {api}/v1/messages -H "Authorization: Bearer citypay_demo_kevin" -d conversation_id={conversation} -d limit=10
  curl {api}/v1/messages -H "Authorization: Bearer citypay_demo_kevin" -d conversation_id={conversation} -d message="Hello"
  curl {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kevin"
  curl -X PUT {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kate" -d "reactions[heart][]=KateMcCallister"
  curl -X DELETE {api}/v1/messages/{message} -H "Authorization: Bearer citypay_demo_kevin"
"#
    );
    Ok(())
}
