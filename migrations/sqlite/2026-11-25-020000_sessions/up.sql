-- Sessions of the console. digest: the first 32 bytes of SHA-512 of what the cookie holds; notice: shown once, on the
-- next page.
create table sessions (
    id integer primary key autoincrement,
    user_id integer not null references users (id) on delete cascade,
    digest blob not null unique check (length(digest) = 32),
    created_at text not null,
    seen_at text not null,
    notice text
);
create index sessions_user_id on sessions (user_id);
create index sessions_seen_at on sessions (seen_at);
