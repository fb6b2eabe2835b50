/* Links with which users set a password, one open link a user. digest: the first 32 bytes of SHA-512 of what the link
   holds; made_by: the user who made it, null for a command. A link ends with either user, and when their password,
   their rights or is_active change. */
create table password_links (
    id integer primary key autoincrement,
    user_id integer not null unique references users (id) on delete cascade,
    made_by integer references users (id) on delete cascade,
    digest blob not null unique check (length(digest) = 32),
    created_at text not null,
    expires_at text not null
);
create index password_links_made_by on password_links (made_by);
create index password_links_expires_at on password_links (expires_at);

/* Which pages a session is for: the console's, or a user's own account. */
alter table sessions add kind text not null default 'console' check (kind in ('console', 'account'));
