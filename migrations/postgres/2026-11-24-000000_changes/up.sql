-- Every change that could make an answer wrong that a node keeps in memory is told on the channel jeton_changes, in the
-- transaction that makes it, whoever makes it: jeton, one of its commands, or a person with psql. Ids only.
-- A transaction that knows better says `set local jeton.quiet = 'on'`, and tells itself what is to be told.
-- The functions look for jeton_tell where this session does: others look elsewhere, a restore's for one.
create function jeton_tell(message text) returns void language plpgsql as $$
begin
    if current_setting('jeton.quiet', true) is distinct from 'on' then
        perform pg_notify('jeton_changes', message);
    end if;
end $$;

create function jeton_user_changed() returns trigger language plpgsql set search_path from current as $$
begin
    perform jeton_tell('user ' || old.id);
    return null;
end $$;
create trigger users_updated after update on users for each row
    when ((old.id, old.username, old.email, old.is_active, old.is_staff, old.is_superuser)
        is distinct from (new.id, new.username, new.email, new.is_active, new.is_staff, new.is_superuser))
    execute function jeton_user_changed();
create trigger users_deleted after delete on users for each row execute function jeton_user_changed();

create function jeton_membership_changed() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        perform jeton_tell('user ' || old.user_id);
    end if;
    if tg_op <> 'DELETE' then
        perform jeton_tell('user ' || new.user_id);
    end if;
    return null;
end $$;
create trigger user_groups_changed after insert or update or delete on user_groups for each row
    execute function jeton_membership_changed();

-- A token is told by its user. One that came to be is told by the first bytes of its digest: a node may have been asked
-- for it before, and keep that there is no such token. last_used_at is nobody's business.
create function jeton_token_changed() returns trigger language plpgsql set search_path from current as $$
begin
    if tg_op <> 'INSERT' then
        perform jeton_tell('user ' || old.user_id);
    end if;
    if tg_op <> 'DELETE' then
        perform jeton_tell('created ' || encode(substring(new.digest for 8), 'hex'));
    end if;
    return null;
end $$;
create trigger tokens_inserted after insert on tokens for each row execute function jeton_token_changed();
create trigger tokens_updated after update on tokens for each row
    when ((old.id, old.user_id, old.digest, old.name, old.scope, old.created_at, old.expires_at, old.revoked_at, old.client)
        is distinct from
        (new.id, new.user_id, new.digest, new.name, new.scope, new.created_at, new.expires_at, new.revoked_at, new.client))
    execute function jeton_token_changed();
-- Dead ones too: by a node's clock, or by a use that is not written yet, one may live that is dead by this server's.
create trigger tokens_deleted after delete on tokens for each row execute function jeton_token_changed();

create function jeton_clients_changed() returns trigger language plpgsql set search_path from current as $$
begin
    perform jeton_tell('clients');
    return null;
end $$;
create trigger clients_changed after insert or update or delete on clients for each statement
    execute function jeton_clients_changed();

create function jeton_everything_changed() returns trigger language plpgsql set search_path from current as $$
begin
    perform jeton_tell('everything');
    return null;
end $$;
create trigger groups_changed after update or delete on groups for each statement
    execute function jeton_everything_changed();
create trigger users_emptied after truncate on users for each statement execute function jeton_everything_changed();
create trigger user_groups_emptied after truncate on user_groups for each statement
    execute function jeton_everything_changed();
create trigger tokens_emptied after truncate on tokens for each statement execute function jeton_everything_changed();
create trigger clients_emptied after truncate on clients for each statement execute function jeton_everything_changed();
