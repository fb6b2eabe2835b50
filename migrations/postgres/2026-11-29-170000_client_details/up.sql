-- What superusers write about a client: what it is, and who runs it.
alter table clients add column note text not null default '';
alter table clients add column owner text not null default '';

-- How many requests a client sent on each day (UTC), and when it sent the last one.
create table client_usage (
    client_id text collate "C" not null references clients (client_id) on delete cascade,
    day date not null,
    requests bigint not null,
    last_used_at timestamptz not null,
    primary key (client_id, day)
);
