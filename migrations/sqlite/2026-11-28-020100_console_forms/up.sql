-- Forms of the console that were taken: each is good once. form: a digest of where it was sent and of its own token.
create table console_forms (
    session_id integer not null references sessions (id) on delete cascade,
    form blob not null check (length(form) = 32),
    taken_at text not null,
    primary key (session_id, form)
);
