//! HTTP/2 without upgrade ("prior knowledge"), as gRPC clients speak it.

use std::time::Instant;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use cedar_gate_scenario::{Body, Headers, Request};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};

use super::Answer;

/// Sends the request and reads the answer.
pub(super) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: &Request,
) -> anyhow::Result<Answer> {
    let (client, connection) = h2::client::handshake(stream).await.context("no HTTP/2 connection")?;
    // Says why it ended only by what it does to the streams on it, where the error surfaces.
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.context("the connection takes no request")?;

    let ends_with_headers = request.body == Body::None && request.trailers.is_empty();
    let (answer, mut sending) = client.send_request(head(request)?, ends_with_headers)?;
    // A gateway may answer and reset the stream before all has been sent: what counts then is the answer.
    let sent = if ends_with_headers { Ok(()) } else { send(&mut sending, request) };
    let answer = match read(answer, request.open_for.is_some()).await {
        Err(error) => Err(match sent {
            Ok(()) => error,
            Err(sending) => error.context(format!("the request was not sent in full: {sending}")),
        }),
        answer => answer,
    };
    connection.abort();
    answer
}

fn head(request: &Request) -> anyhow::Result<http::Request<()>> {
    let uri = http::Uri::builder()
        .scheme("http")
        .authority(request.authority.as_slice())
        .path_and_query(request.path.as_slice())
        .build()
        .context("an authority or target that the HTTP/2 client cannot send")?;
    let method = http::Method::from_bytes(&request.method)?;
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri;
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = map(&request.headers)?;
    Ok(head)
}

fn send(stream: &mut h2::SendStream<Bytes>, request: &Request) -> anyhow::Result<()> {
    // `h2` buffers what the flow control does not let pass yet.
    let parts = match &request.body {
        Body::NeverArrives => return Ok(()),
        Body::None => &[][..],
        Body::Parts(parts) => parts,
    };
    for part in parts {
        stream.send_data(Bytes::copy_from_slice(part), false)?;
    }
    if request.trailers.is_empty() {
        stream.send_data(Bytes::new(), true)?;
    } else {
        stream.send_trailers(map(&request.trailers)?)?;
    }
    Ok(())
}

async fn read(answer: h2::client::ResponseFuture, kept_open: bool) -> anyhow::Result<Answer> {
    let (head, mut stream) = answer.await.map_err(|error| anyhow!("no answer: {error}"))?.into_parts();
    let mut answer = Answer { status: head.status.as_u16(), headers: list(&head.headers), ..Answer::default() };
    let begun = Instant::now();
    let end = body(&mut stream, &mut answer).await;
    answer.lasted = begun.elapsed();
    answer.complete = end.is_ok();
    match end {
        // How an answer ends that is kept open is what one wants to know of it.
        Err(error) if !kept_open => Err(error),
        _ => Ok(answer),
    }
}

async fn body(stream: &mut h2::RecvStream, answer: &mut Answer) -> anyhow::Result<()> {
    while let Some(data) = stream.data().await {
        let data = data.context("the body of the answer broke off")?;
        stream.flow_control().release_capacity(data.len())?;
        answer.body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await.context("the trailers of the answer broke off")?.unwrap_or_default();
    answer.trailers = list(&trailers);
    Ok(())
}

fn map(headers: &[(Vec<u8>, Vec<u8>)]) -> anyhow::Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
    }
    Ok(map)
}

fn list(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str().into(), value.as_bytes().into())).collect()
}
