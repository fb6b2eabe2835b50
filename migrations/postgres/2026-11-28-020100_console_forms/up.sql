-- Forms of the console that were taken: each is good once. form: a digest of where it was sent and of its own token.
create table console_forms (
    session_id bigint not null references sessions (id) on delete cascade,
    form bytea not null check (octet_length(form) = 32),
    taken_at timestamptz not null,
    primary key (session_id, form)
);
