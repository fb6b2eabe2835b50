create function jeton_tell(message text) returns void language plpgsql as $$
begin
    if current_setting('jeton.quiet', true) is distinct from 'on' then
        perform pg_notify('jeton_changes', message);
    end if;
end $$;

create or replace function jeton_user_changed() returns trigger language plpgsql set search_path from current as $$
begin
    perform jeton_tell('user ' || old.id);
    return null;
end $$;

create or replace function jeton_membership_changed() returns trigger language plpgsql
set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        perform jeton_tell('user ' || old.user_id);
    end if;
    if tg_op <> 'DELETE' then
        perform jeton_tell('user ' || new.user_id);
    end if;
    return null;
end $$;

create or replace function jeton_token_changed() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        perform jeton_tell('user ' || old.user_id);
    end if;
    if tg_op <> 'DELETE' then
        perform jeton_tell('created ' || encode(substring(new.digest for 8), 'hex'));
    end if;
    return null;
end $$;

create or replace function jeton_everything_changed() returns trigger language plpgsql
set search_path from current as $$
begin
    perform jeton_tell('everything');
    return null;
end $$;

drop trigger clients_changed on clients;
drop function jeton_client_changed();
create function jeton_clients_changed() returns trigger language plpgsql set search_path from current as $$
begin
    perform jeton_tell('clients');
    return null;
end $$;
create trigger clients_changed after insert or update or delete on clients for each statement
    execute function jeton_clients_changed();
alter table clients enable always trigger clients_changed;

drop function jeton_log_change(text, text, bytea);
drop table changes;
update meta set value = '20261123000000' where key = 'schema_usable_from';
