//! HTTP/1.1, written as given, so that malformed requests can be sent too.

use std::time::Instant;

use anyhow::{Context, bail};
use bytes::{Buf, BytesMut};
use cedar_gate_scenario::{Body, Headers, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Answer;

/// Sends the request and reads the answer, both at the same time: an answer may come before the body has gone out.
pub(super) async fn exchange(stream: impl AsyncRead + AsyncWrite, request: &Request) -> anyhow::Result<Answer> {
    let (reading, mut writing) = tokio::io::split(stream);
    let mut reader = Reader { stream: reading, buffer: BytesMut::new() };
    let answer = reader.answer(request);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        sent = send(&mut writing, request) => {
            // A gateway that has answered already may close its end: what counts then is the answer.
            match answer.await {
                Err(error) => Err(match sent {
                    Ok(()) => error,
                    Err(sending) => error.context(format!("the request was not sent in full: {sending}")),
                }),
                answer => answer,
            }
        }
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), request: &Request) -> std::io::Result<()> {
    let framing = Framing::of(request);
    stream.write_all(&head(request, &framing)).await?;
    if let Body::Parts(parts) = &request.body {
        for part in parts {
            match framing {
                // A chunk of no bytes would end the body.
                Framing::Chunked if part.is_empty() => {}
                Framing::Chunked => stream.write_all(&chunk(part)).await?,
                Framing::Given | Framing::Length(_) | Framing::None => stream.write_all(part).await?,
            }
            stream.flush().await?;
        }
    }
    if matches!(framing, Framing::Chunked) {
        let mut end = b"0\r\n".to_vec();
        write_headers(&mut end, &request.trailers);
        end.extend_from_slice(b"\r\n");
        stream.write_all(&end).await?;
    }
    stream.flush().await
}

enum Framing {
    Chunked,
    /// The request frames its body itself, rightly or wrongly: the body goes out as it stands.
    Given,
    Length(usize),
    None,
}

impl Framing {
    fn of(request: &Request) -> Self {
        let frames = |name: &[u8]| {
            name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
        };
        match &request.body {
            _ if request.headers.iter().any(|(name, _)| frames(name)) => Self::Given,
            Body::NeverArrives => Self::Length(10),
            _ if !request.trailers.is_empty() => Self::Chunked,
            Body::None => Self::None,
            Body::Parts(parts) => match parts.as_slice() {
                [] => Self::Length(0),
                [part] => Self::Length(part.len()),
                _ => Self::Chunked,
            },
        }
    }
}

fn head(request: &Request, framing: &Framing) -> Vec<u8> {
    let mut head = Vec::new();
    head.extend_from_slice(&request.method);
    head.push(b' ');
    head.extend_from_slice(&request.path);
    head.extend_from_slice(b" HTTP/1.1\r\n");
    if !request.authority.is_empty() {
        write_headers(&mut head, &[(b"host".to_vec(), request.authority.clone())]);
    }
    write_headers(&mut head, &request.headers);
    match framing {
        Framing::Chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(length) => head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes()),
        Framing::Given | Framing::None => {}
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn write_headers(to: &mut Vec<u8>, headers: &[(Vec<u8>, Vec<u8>)]) {
    for (name, value) in headers {
        to.extend_from_slice(name);
        to.extend_from_slice(b": ");
        to.extend_from_slice(value);
        to.extend_from_slice(b"\r\n");
    }
}

fn chunk(part: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
    chunk.extend_from_slice(part);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

struct Reader<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    async fn answer(&mut self, request: &Request) -> anyhow::Result<Answer> {
        let (status, headers) = loop {
            let (status, headers) = self.head().await?;
            // An interim answer (100 Continue) announces the real one; a switch of protocols is the real one.
            if !(100..200).contains(&status) || status == 101 {
                break (status, headers);
            }
        };
        let mut answer = Answer { status, headers, ..Answer::default() };
        let begun = Instant::now();
        let end = self.body(&request.method, &mut answer).await;
        answer.lasted = begun.elapsed();
        answer.complete = end.is_ok();
        match end {
            // How an answer ends that is kept open is what one wants to know of it.
            Err(error) if request.open_for.is_none() => Err(error),
            _ => Ok(answer),
        }
    }

    async fn body(&mut self, method: &[u8], answer: &mut Answer) -> anyhow::Result<()> {
        let of = |name: &[u8]| answer.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice());
        if method == b"HEAD" || answer.status == 204 || answer.status == 304 {
            return Ok(());
        }
        if of(b"transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
            (answer.body, answer.trailers) = self.chunks().await?;
        } else if let Some(length) = of(b"content-length") {
            let length = str::from_utf8(length)?.parse().context("a content-length that is no number")?;
            answer.body = self.exactly(length).await?;
        } else {
            while self.more().await? {}
            answer.body = self.buffer.split().into();
        }
        Ok(())
    }

    async fn head(&mut self) -> anyhow::Result<(u16, Headers)> {
        loop {
            let mut space = vec![httparse::EMPTY_HEADER; 1000];
            let mut head = httparse::Response::new(&mut space);
            if let httparse::Status::Complete(length) = head.parse(&self.buffer).context("no HTTP/1.1 answer")? {
                let status = head.code.context("no status")?;
                let headers = owned(head.headers);
                self.buffer.advance(length);
                return Ok((status, headers));
            }
            self.need_more("the headers of the answer").await?;
        }
    }

    async fn chunks(&mut self) -> anyhow::Result<(Vec<u8>, Headers)> {
        let mut body = Vec::new();
        loop {
            let parsed = httparse::parse_chunk_size(&self.buffer);
            match parsed.map_err(|_| anyhow::anyhow!("a chunk without a size"))? {
                httparse::Status::Partial => self.need_more("the size of a chunk").await?,
                httparse::Status::Complete((start, 0)) => {
                    self.buffer.advance(start);
                    return Ok((body, self.trailers().await?));
                }
                httparse::Status::Complete((start, length)) => {
                    self.buffer.advance(start);
                    body.extend(self.exactly(usize::try_from(length)?).await?);
                    if self.exactly(2).await? != b"\r\n" {
                        bail!("a chunk that is longer than its size");
                    }
                }
            }
        }
    }

    async fn trailers(&mut self) -> anyhow::Result<Headers> {
        loop {
            let mut space = vec![httparse::EMPTY_HEADER; 1000];
            match httparse::parse_headers(&self.buffer, &mut space).context("malformed trailers")? {
                httparse::Status::Complete((_, trailers)) => return Ok(owned(trailers)),
                httparse::Status::Partial => self.need_more("the trailers").await?,
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.need_more("the body of the answer").await?;
        }
        Ok(self.buffer.split_to(length).into())
    }

    async fn need_more(&mut self, what: &str) -> anyhow::Result<()> {
        if self.more().await? {
            return Ok(());
        }
        bail!("the connection ended before {what}")
    }

    async fn more(&mut self) -> anyhow::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await.context("the connection broke")? > 0)
    }
}

fn owned(headers: &[httparse::Header<'_>]) -> Headers {
    headers.iter().map(|header| (header.name.to_ascii_lowercase().into_bytes(), header.value.to_vec())).collect()
}
