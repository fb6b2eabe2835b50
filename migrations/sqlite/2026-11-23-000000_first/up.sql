-- Ids of users are given by jeton (meta.last_user_id), so that imports and bootstrap can choose theirs.
create table users (
    id integer primary key not null,
    username text not null unique,
    password text not null,
    email text not null default '',
    first_name text not null default '',
    last_name text not null default '',
    is_active boolean not null default true,
    is_staff boolean not null default false,
    is_superuser boolean not null default false,
    date_joined text not null,
    last_login text
);

create table groups (
    id integer primary key autoincrement,
    name text not null unique
);

create table user_groups (
    user_id integer not null references users (id) on delete cascade,
    group_id integer not null references groups (id) on delete cascade,
    primary key (user_id, group_id)
);
create index user_groups_group_id on user_groups (group_id);

create table clients (
    id integer primary key autoincrement,
    client_id text not null unique,
    secret_digest blob not null check (length(secret_digest) = 64),
    created_at text not null,
    rotated_at text
);

-- digest: the first 32 bytes of SHA-512 of the key. sealed: the key itself, encrypted, for the one login token of
-- single mode. name: set for API keys, null for login tokens.
create table tokens (
    id integer primary key autoincrement,
    user_id integer not null references users (id) on delete cascade,
    digest blob not null unique check (length(digest) = 32),
    sealed blob,
    name text,
    scope text not null default '',
    hint text not null default '',
    created_at text not null,
    expires_at text,
    last_used_at text,
    revoked_at text,
    revoked_by text,
    client text references clients (client_id) on delete cascade
);
create index tokens_user_id on tokens (user_id);
create unique index tokens_one_sealed_per_user on tokens (user_id) where sealed is not null;
create index tokens_revoked_at on tokens (revoked_at) where revoked_at is not null;
create index tokens_expires_at on tokens (expires_at) where expires_at is not null;
create index tokens_client on tokens (client) where client is not null;

create table audit_log (
    id integer primary key autoincrement,
    at text not null,
    actor text not null,
    action text not null,
    target text not null,
    address text,
    details text not null default '{}'
);
create index audit_log_at on audit_log (at);
create index audit_log_actor on audit_log (actor, id);
create index audit_log_action on audit_log (action, id);
create index audit_log_target on audit_log (target, id);

create table meta (
    key text primary key not null,
    value text not null
);
insert into meta (key, value) values ('last_user_id', '0');
