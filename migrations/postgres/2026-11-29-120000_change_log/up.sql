-- The change log. Every change that may end an answer that a node, or a service, remembers is a row here, written in the
-- transaction that makes it, whoever makes it: jeton, one of its commands, or a person with psql. Ids only. Nodes read
-- what they have not seen yet (src/store/change_log.rs). Nothing is notified in these transactions: a notification takes
-- a lock of the whole cluster, and holds it while the transaction is flushed.
-- A transaction that knows better says `set local jeton.quiet = 'on'`, and writes its own row.
-- Waits for whoever is changing something now: what they have changed would not be in the log.
lock table users, groups, user_groups, tokens, clients in share mode;

create table changes (
    xid xid8 not null default pg_current_xact_id(),
    what text not null,
    subject text not null,
    -- The first 8 bytes of a token's digest: a node may have been asked for the key before the token existed.
    digest_prefix bytea,
    primary key (xid, what, subject)
);

-- With the rights of the table's owner: whoever may change a token may write what was changed.
create function jeton_log_change(changed text, changed_subject text, prefix bytea default null)
returns void language plpgsql security definer set search_path from current as $$
begin
    if current_setting('jeton.quiet', true) is not distinct from 'on' then
        return;
    end if;
    insert into changes (what, subject, digest_prefix) values (changed, changed_subject, prefix)
    on conflict (xid, what, subject) do update set digest_prefix = excluded.digest_prefix
        where excluded.digest_prefix is distinct from changes.digest_prefix;
end $$;

create or replace function jeton_user_changed() returns trigger language plpgsql set search_path from current as $$
begin
    perform jeton_log_change('user', old.id::text);
    return null;
end $$;

create or replace function jeton_membership_changed() returns trigger language plpgsql
set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        perform jeton_log_change('user', old.user_id::text);
    end if;
    if tg_op <> 'DELETE' then
        perform jeton_log_change('user', new.user_id::text);
    end if;
    return null;
end $$;

create or replace function jeton_token_changed() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op = 'DELETE' then
        perform jeton_log_change('token', old.id::text);
        return null;
    end if;
    if tg_op = 'UPDATE' and old.id <> new.id then
        perform jeton_log_change('token', old.id::text);
    end if;
    perform jeton_log_change('token', new.id::text, substring(new.digest for 8));
    return null;
end $$;

create or replace function jeton_everything_changed() returns trigger language plpgsql
set search_path from current as $$
begin
    perform jeton_log_change('all', '');
    return null;
end $$;

-- By client, where one notification was for all of them.
drop trigger clients_changed on clients;
drop function jeton_clients_changed();
create function jeton_client_changed() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        perform jeton_log_change('client', old.client_id);
    end if;
    if tg_op <> 'DELETE' then
        perform jeton_log_change('client', new.client_id);
    end if;
    return null;
end $$;
create trigger clients_changed after insert or update or delete on clients for each row
    execute function jeton_client_changed();
alter table clients enable always trigger clients_changed;

drop function jeton_tell(text);

-- By the schema's name, and temporary tables last: a temporary table named `changes` must not take the rows, and a
-- session that looks elsewhere must find the functions.
do $$
declare
    name text;
begin
    foreach name in array array['jeton_log_change(text, text, bytea)', 'jeton_user_changed()',
        'jeton_membership_changed()', 'jeton_token_changed()', 'jeton_client_changed()', 'jeton_everything_changed()']
    loop
        execute format('alter function %s set search_path = %I, pg_temp', name, current_schema());
    end loop;
end $$;

-- An older jeton listens for notifications of changes, which come no more.
update meta set value = '20261129120000' where key = 'schema_usable_from';
