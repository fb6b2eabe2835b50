-- A user's key in the project that they were imported from, where their id is one of jeton's. Introspection shows it.
alter table users add external_id text collate "C" unique;

drop trigger users_updated on users;
create trigger users_updated after update on users for each row
    when ((old.id, old.username, old.email, old.is_active, old.is_staff, old.is_superuser, old.external_id)
        is distinct from (new.id, new.username, new.email, new.is_active, new.is_staff, new.is_superuser, new.external_id))
    execute function jeton_user_changed();
alter table users enable always trigger users_updated;

-- Searches find it too. Where users are many, `Store::make_search_index` builds the index later, while others go on.
drop index if exists users_search;
do $$
declare
    home name;
begin
    select nspname into home from pg_extension join pg_namespace on pg_namespace.oid = extnamespace where extname = 'pg_trgm';
    if home is not null and (select count(*) from (select from users limit 10001) as some_users) <= 10000 then
        execute format(
            'create index users_search on users using gin '
            '(lower((username || '' '' || first_name || '' '' || last_name || '' '' || email || '' '' '
            '|| coalesce(external_id, '''')) collate "default") %I.gin_trgm_ops)',
            home
        );
    end if;
end $$;

-- What an import wrote of a user (domain/django/imported_fields.rs): a later one can tell which side has changed since.
create table imported_users (
    user_id bigint primary key references users (id) on delete cascade,
    fields bytea not null,
    password bytea not null
);
