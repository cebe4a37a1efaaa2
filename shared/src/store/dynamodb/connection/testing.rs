//! What the tests of connections share.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Reads a request.
pub async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = vec![0; 1000];
    let length = stream.read(&mut request).await.unwrap();
    assert_ne!(length, 0);
    String::from_utf8_lossy(&request[..length]).into_owned()
}
