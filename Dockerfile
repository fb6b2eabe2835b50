# The build: compiler, make and perl are for the C that is compiled along (SQLite, libpq, OpenSSL).
FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# The dependencies, in a layer of their own, built with an empty jeton. Tests and examples are no part of the image:
# their sections leave the manifest, because cargo wants the files that it names.
COPY Cargo.toml Cargo.lock ./
COPY pq-sys ./pq-sys
RUN awk '/^\[/ { skip = /^\[\[(test|example|bench)\]\]/ } !skip' Cargo.toml >manifest \
    && mv manifest Cargo.toml \
    && mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' >src/main.rs \
    && cargo build --profile dist --features postgres-tls --locked

# jeton itself. Copied files keep their old times: without the touch, cargo would take the empty build for a fresh one.
COPY migrations ./migrations
COPY src ./src
COPY templates ./templates
RUN touch src/lib.rs src/main.rs \
    && cargo build --profile dist --features postgres-tls --locked

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && groupadd --gid 10001 jeton \
    && useradd --uid 10001 --gid jeton --no-create-home --home-dir /var/lib/jeton --shell /usr/sbin/nologin jeton \
    && install -d -o jeton -g jeton -m 0700 /var/lib/jeton
COPY --from=build /build/target/dist/jeton /usr/local/bin/jeton

# The bundled OpenSSL has no certificates of its own: this is where the system's are.
ENV JETON_LISTEN=0.0.0.0:8000 \
    DATABASE_URL=sqlite:///var/lib/jeton/jeton.db \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 10001:10001
WORKDIR /var/lib/jeton
# A volume, so that SQLite can write when the root is read-only.
VOLUME ["/var/lib/jeton"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["jeton", "healthcheck"]
ENTRYPOINT ["jeton"]
CMD ["serve"]
